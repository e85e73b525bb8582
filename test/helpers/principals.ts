import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import type { AuthInfo } from '@modelcontextprotocol/sdk/server/auth/types.js';
import type { ErrandServer } from '../../src/server/create-server.js';
import { connectInMemory, type Peer, type PeerOptions } from './transports.js';

/** Who a client is: what its access token says. */
export interface Person {
  readonly issuer?: string;
  readonly subject: string;
  readonly client?: string;
}

/** What a transport with authorization finds out about a client. */
export function authOf({ issuer = 'https://id.example', subject, client = 'app' }: Person): AuthInfo {
  return { token: `token of ${subject}`, clientId: client, scopes: [], extra: { iss: issuer, sub: subject } };
}

/** Lets everything that a client sends from now on come from a person; from nobody in particular without one. */
export function actAs({ client }: Peer, person: Person | undefined): void {
  const transport = client.transport as InMemoryTransport;
  const authInfo = person && authOf(person);
  transport.send = (message, options) =>
    InMemoryTransport.prototype.send.call(transport, message, { ...options, ...(authInfo && { authInfo }) });
}

/** A client in memory whose messages all come from one person; anonymous without one. */
export async function connectAs(
  server: ErrandServer,
  person: Person | undefined,
  options?: PeerOptions,
): Promise<Peer> {
  const peer = await connectInMemory(server, options);
  actAs(peer, person);
  return peer;
}
