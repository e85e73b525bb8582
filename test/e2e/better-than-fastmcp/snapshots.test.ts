import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import type { AuthInfo } from '@modelcontextprotocol/sdk/server/auth/types.js';
import {
  Context,
  createServer,
  CurrentAccessToken,
  CurrentHeaders,
  CurrentPrincipal,
  inject,
  injectable,
  Logger,
  token,
  tool,
  type ErrandServer,
} from '../../../src/index.js';
import { call, closeOpened, connect, modes, serverOf } from '../../helpers/in-memory.js';

const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

describe.each(modes)('the headers of the request in the %s', (mode) => {
  const Tenant = token<string>('Tenant');

  @injectable()
  class Tools {
    private readonly atConstruction: string | undefined;

    constructor(
      headers: CurrentHeaders,
      @inject(Tenant) private readonly tenant: string,
    ) {
      this.atConstruction = headers.get('x-request-id');
    }

    @tool({ task: 'optional' })
    seen(headers: CurrentHeaders) {
      const { atConstruction, tenant } = this;
      const secrets = ['authorization', 'cookie'].filter((name) => headers.get(name) !== undefined);
      return { atConstruction, tenant, trace: headers.get('traceparent'), secrets };
    }
  }

  let server: ErrandServer;
  let client: Client;

  beforeEach(async () => {
    server = createServer({
      name: 'headers',
      version: '1.0.0',
      components: [Tools],
      providers: [
        {
          provide: Tenant,
          lifetime: 'call',
          useFactory: (headers: CurrentHeaders) => headers.get('x-tenant') ?? 'unknown',
          inject: [CurrentHeaders],
        },
      ],
      docket: { headers: ['traceparent', 'x-request-id', 'x-tenant', 'authorization', 'cookie'] },
      logger: new Logger(() => undefined),
    });
    const headers = {
      traceparent,
      'x-request-id': 'r-1',
      'x-tenant': 'acme',
      authorization: 'Bearer s',
      cookie: 'a=b',
    };
    client = new Client({ name: 'stock', version: '1.0.0' });
    const { url } = await server.listen();
    await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));
  });

  afterEach(async () => {
    await client.close();
    await server.close();
  });

  it('are there before any code of the author: in a constructor, in a factory and in the method [F7] [F20]', async () => {
    expect((await call(client, mode, 'seen')).structuredContent).toEqual({
      atConstruction: 'r-1',
      tenant: 'acme',
      trace: traceparent,
      // What is secret is there for the request itself, and travels nowhere, also when it is allowed to.
      secrets: mode === 'foreground' ? ['authorization', 'cookie'] : [],
    });
  });
});

describe('a task', () => {
  afterEach(closeOpened);

  it('knows the request that made it, as the foreground does [F4]', async () => {
    class Tools {
      @tool({ task: 'optional' })
      request(ctx: Context) {
        return `${typeof ctx.requestId} ${ctx.requestId}`;
      }
    }
    const client = await connect(serverOf({ components: [Tools] }).server);
    const sent: unknown[] = [];
    const send = client.transport!.send.bind(client.transport);
    client.transport!.send = (message, options) => {
      if ('method' in message && message.method === 'tools/call' && 'id' in message) sent.push(message.id);
      return send(message, options);
    };
    for (const mode of modes) {
      const { content } = await call(client, mode, 'request');
      const id = sent.at(-1);
      expect(content).toEqual([{ type: 'text', text: `${typeof id} ${String(id)}` }]);
    }
    expect(new Set(sent).size).toBe(2);
  });

  it('has what its server opened at its start, as the foreground has [F6]', async () => {
    const Warehouse = token<{ readonly isOpen: boolean }>('Warehouse');
    class Tools {
      @tool({ task: 'optional' })
      look(@inject(Warehouse) warehouse: { readonly isOpen: boolean }) {
        return warehouse.isOpen ? 'open' : 'closed';
      }
    }
    let times = 0;
    const open = async () => ({ isOpen: ++times === 1 });
    const { server } = serverOf({ components: [Tools], providers: [{ provide: Warehouse, useFactory: open }] });
    const client = await connect(server);
    for (const mode of modes) {
      expect((await call(client, mode, 'look')).content).toEqual([{ type: 'text', text: 'open' }]);
    }
    expect(times).toBe(1);
  });

  it('knows nothing of who called in the task before it on the same slot [F27]', async () => {
    class Tools {
      @tool({ task: 'optional' })
      who(
        principal: CurrentPrincipal,
        @inject(CurrentAccessToken, { optional: true }) accessToken: CurrentAccessToken | undefined,
      ) {
        return { subject: principal.facts.subject ?? 'nobody', scopes: accessToken?.scopes ?? [] };
      }
    }
    const { server } = serverOf({ components: [Tools], docket: { concurrency: 1 } });
    const authOf = (sub: string): AuthInfo => ({ token: sub, clientId: 'app', scopes: [sub], extra: { sub } });
    const ann = await connect(server, { auth: authOf('ann') });
    const bob = await connect(server, { auth: authOf('bob') });
    const anonymous = await connect(server);
    const seen = await Promise.all(
      [ann, anonymous, bob, anonymous, ann].map(
        async (client) => (await call(client, 'background', 'who')).structuredContent,
      ),
    );
    const nobody = { subject: 'nobody', scopes: [] };
    expect(seen).toEqual([
      { subject: 'ann', scopes: ['ann'] },
      nobody,
      { subject: 'bob', scopes: ['bob'] },
      nobody,
      { subject: 'ann', scopes: ['ann'] },
    ]);
  });
});
