import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { McpError, type ClientCapabilities, type Result } from '@modelcontextprotocol/sdk/types.js';
import type { ErrandServer } from '../../src/index.js';
import { afterTest } from './in-memory.js';
import { receivedFrom, type Peer } from './transports.js';

/** A request of the server to its client. */
export interface Asked {
  readonly method: string;
  readonly params: Record<string, unknown>;
}

/** What a test's client can do, and what it answers: as it is, right or wrong. */
export interface AskedSetup {
  readonly capabilities: ClientCapabilities;
  /** The signal is aborted when the server closes the prompt. */
  readonly answer?: (asked: Asked, signal: AbortSignal) => unknown;
}

/** A stock client with what it was asked and told. */
export interface AskedClient extends Pick<Peer, 'client' | 'received'> {
  readonly asked: Asked[];
}

/** A client of any capabilities in memory, closed after the test. Unlike a stock one it checks no answer of its own. */
export async function connectAsked(server: ErrandServer, setup: AskedSetup): Promise<AskedClient> {
  const [near, far] = InMemoryTransport.createLinkedPair();
  await server.connect(far);
  return connectOver(near, setup);
}

/** The same over HTTP; the server listens until it is closed. */
export async function connectAskedOverHttp(server: ErrandServer, setup: AskedSetup): Promise<AskedClient> {
  const { url } = await server.listen();
  return connectOver(new StreamableHTTPClientTransport(new URL(url)), setup);
}

async function connectOver(transport: Transport, { capabilities, answer }: AskedSetup): Promise<AskedClient> {
  const client = new Client({ name: 'asked', version: '1.0.0' }, { capabilities });
  const asked: Asked[] = [];
  client.fallbackRequestHandler = async ({ method, params }, { signal }) => {
    // What ties a question to its task is the same for all questions, and tested elsewhere.
    const { _meta, ...own } = params ?? {};
    asked.push({ method, params: own });
    return (await answer?.({ method, params: own }, signal)) as Result;
  };
  await client.connect(transport);
  afterTest(() => client.close());
  return { client, asked, received: receivedFrom(transport) };
}

/** Of a client that can do everything. */
export const everything: ClientCapabilities = { sampling: { tools: {}, context: {} }, roots: {} };

/** What a model says. */
export const paris = {
  role: 'assistant',
  content: { type: 'text', text: 'Paris' },
  model: 'small',
  stopReason: 'endTurn',
};
/** The same with other words. */
export const says = (text: string) => ({ ...paris, content: { type: 'text', text } });
/** A root. */
export const home = { uri: 'file:///home/ada', name: 'Home' };

/** A client that can do everything and gives one answer. */
export const answering = (answer: unknown): AskedSetup => ({ capabilities: everything, answer: () => answer });

/** The same that answers with an error. */
export const refusing = (code: number, message: string): AskedSetup => ({
  capabilities: everything,
  answer: () => {
    throw new McpError(code, message);
  },
});

/** Answers nothing, and tells when its prompt is closed. */
export function mute(): AskedSetup & { readonly closed: Promise<void> } {
  let close = (): void => undefined;
  const closed = new Promise<void>((resolve) => (close = resolve));
  return {
    capabilities: everything,
    closed,
    answer: (_asked, signal) => new Promise(() => signal.addEventListener('abort', close, { once: true })),
  };
}
