import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Core } from '../../src/bindings/core.js';
import { Shares } from '../../src/bindings/shares.js';
import { clientLimitsOf } from '../../src/transports/http/http-options.js';
import type { HttpEndpoint } from '../../src/transports/http/http-exchange.js';
import type { ErrandServer } from '../../src/server/create-server.js';
import { systemClock } from '../../src/base/clock.js';
import { BodyIntake, largestBody } from '../../src/transports/http/body-intake.js';
import { writeReply } from '../../src/transports/http/node-http.js';
import { authOf } from './principals.js';

/** Says who sends a request, in place of an access token. */
const userHeader = 'x-user';

/** Serves over HTTP to users who say who they are, as a listener does that checks access tokens. */
/** Shares that limit no test. */
export const sharesFor = ({ meters }: Core): Shares => new Shares(clientLimitsOf({}), meters);

export async function listenForUsers(
  server: ErrandServer,
  endpointOf: (core: Core) => HttpEndpoint,
): Promise<AsyncDisposable & { readonly url: string }> {
  const endpoint = endpointOf(await server['start']());
  const intake = new BodyIntake({ budget: 64 * largestBody, timeout: 60_000 }, systemClock);
  const http = createServer((incoming, outgoing) => {
    void (async () => {
      const { method = 'GET', url = '/' } = incoming;
      const headers = new Headers(incoming.headers as Record<string, string>);
      const request = { method, url: `http://localhost${url}`, headers };
      const parsed = method === 'POST' ? await intake.read(incoming, undefined, largestBody) : {};
      const user = headers.get(userHeader);
      await writeReply(
        await endpoint.handle({
          request,
          ...('json' in parsed && { body: parsed.json }),
          ...(user !== null && { auth: authOf({ subject: user }) }),
        }),
        outgoing,
      );
    })();
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`,
    [Symbol.asyncDispose]: async () => {
      await endpoint.close();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}

/** A `fetch` that says who sends its requests. */
export function fetchAs(user: string | undefined, through: typeof fetch = fetch): typeof fetch {
  return (input, init) => {
    const headers = new Headers(init?.headers);
    if (user !== undefined) headers.set(userHeader, user);
    return through(input, { ...init, headers });
  };
}
