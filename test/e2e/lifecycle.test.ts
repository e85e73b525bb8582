import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { z } from 'zod';
import {
  Context,
  createServer,
  defineTool,
  inject,
  Logger,
  token,
  tool,
  type ErrandServer,
  type ServerOptions,
} from '../../src/index.js';
import { eventually } from '../helpers/eventually.js';
import { rejection, request, startTask } from '../helpers/raw-calls.js';
import { connectHttp, connectInMemory, type Peer } from '../helpers/transports.js';

const codeOf = (error: unknown): string => (error as { code: string }).code;

let open: () => void;
let begun: number;
let settled: string[];

const gated = defineTool({
  name: 'gated',
  task: 'optional',
  // A checked output takes a moment longer, in which the call is over but not answered.
  output: z.string().refine(() => new Promise<boolean>((resolve) => setTimeout(resolve, 5, true))),
  inject: [Context, AbortSignal],
  run: async (_input, ctx, signal) => {
    begun++;
    signal.addEventListener('abort', () => settled.push(codeOf(signal.reason)));
    await new Promise<void>((resolve) => {
      open = resolve;
      signal.addEventListener('abort', () => resolve());
    });
    settled.push(await ctx.reportProgress(1).then(() => 'accepted', codeOf));
    return 'passed';
  },
});

function makeServer(options: Partial<ServerOptions> = {}): ErrandServer {
  return createServer({
    name: 'closing',
    version: '1.0.0',
    components: [gated],
    grace: '5s',
    logger: new Logger(() => undefined),
    ...options,
  });
}

beforeEach(() => {
  begun = 0;
  settled = [];
});

const transports: [string, (server: ErrandServer) => Promise<Peer>][] = [
  ['in memory', (server) => connectInMemory(server)],
  ['http', async (server) => connectHttp((await server.listen()).url)],
];

describe.each(transports)('server.close(), %s', (_name, connect) => {
  it('lets foreground calls finish and answers them, but takes no new ones', async () => {
    const server = makeServer();
    await using peer = await connect(server);
    const calling = request(peer.client, 'tools/call', { name: 'gated' });
    await eventually(() => expect(begun).toBe(1));
    const closing = server.close();
    const refused = await eventually(async () => rejection(request(peer.client, 'tools/call', { name: 'gated' })));
    expect(refused).toMatchObject({ code: -32603, message: 'MCP error -32603: The server is shutting down' });
    open();
    expect(await calling).toMatchObject({ structuredContent: { result: 'passed' } });
    await closing;
    expect(settled).toEqual(['accepted']);
  });

  it('ends foreground calls that do not finish within the grace', async () => {
    const server = makeServer({ grace: 40 });
    await using peer = await connect(server);
    const calling = rejection(request(peer.client, 'tools/call', { name: 'gated' }));
    await eventually(() => expect(begun).toBe(1));
    await server.close();
    expect(settled).toEqual(['CALL_CANCELLED', 'CALL_CANCELLED']);
    await peer.client.close();
    await calling;
  });

  it('hands background calls back, whose Context rejects from then on', async () => {
    const server = makeServer();
    await using peer = await connect(server);
    await startTask(peer.client, 'gated');
    await eventually(() => expect(begun).toBe(1));
    await server.close();
    expect(settled).toEqual(['CALL_HANDED_BACK', 'CALL_HANDED_BACK']);
  });

  it('refuses new calls also while background calls are handed back', async () => {
    let release = (): void => undefined;
    const stubborn = defineTool({
      name: 'stubborn',
      task: 'optional',
      run: () => {
        begun++;
        return new Promise<void>((resolve) => (release = resolve));
      },
    });
    const server = makeServer({ components: [stubborn, gated] });
    await using peer = await connect(server);
    await startTask(peer.client, 'stubborn');
    await eventually(() => expect(begun).toBe(1));
    const closing = server.close();
    for (const task of [undefined, {}]) {
      const params = { name: 'gated', ...(task && { task }) };
      expect(await rejection(request(peer.client, 'tools/call', params))).toMatchObject({ code: -32603 });
    }
    expect(begun).toBe(1);
    release();
    await closing;
  });

  it('may be called twice', async () => {
    const server = makeServer();
    await using peer = await connect(server);
    await Promise.all([server.close(), server.close()]);
    await server.close();
    await rejection(request(peer.client, 'ping'));
  });
});

describe('a closed server', () => {
  it('refuses connections, listeners, workers and its docket', async () => {
    const server = makeServer();
    await server.close();
    const refusals = [
      server.connect(InMemoryTransport.createLinkedPair()[0]),
      server.listen(),
      server.startWorker(),
      server.docket.add(gated),
    ];
    for (const refusal of refusals) {
      expect(await rejection(refusal)).toMatchObject({
        code: 'SERVER_CLOSED',
        message: "The server 'closing' is closed. Make a new one.",
      });
    }
  });

  it('has closed also the connection that was being made', async () => {
    const server = makeServer();
    const [near, far] = InMemoryTransport.createLinkedPair();
    const outcomes: string[] = [];
    near.onclose = () => outcomes.push('connection closed');
    const connecting = server.connect(far).catch((error: unknown) => outcomes.push(codeOf(error)));
    await server.close();
    await connecting;
    expect(outcomes).not.toEqual([]);
  });
});

describe('a provider that cannot be built', () => {
  const Pool = token<{ name: string }>('Pool');

  class Pooled {
    constructor(@inject(Pool) private readonly pool: { name: string }) {}

    @tool()
    name() {
      return this.pool.name;
    }
  }

  let fails: boolean;
  let server: ErrandServer;

  beforeEach(() => {
    fails = true;
    server = makeServer({
      components: [Pooled],
      providers: [
        {
          provide: Pool,
          useFactory: async () => {
            if (fails) throw new TypeError('no database');
            return { name: 'pool' };
          },
        },
      ],
    });
  });

  afterEach(() => server.close());

  it('fails connect and listen, and a later connect tries again', async () => {
    expect((await rejection(connectInMemory(server))).message).toMatch(/no database/);
    expect((await rejection(server.listen())).message).toMatch(/no database/);
    fails = false;
    await using peer = await connectInMemory(server);
    expect(await request(peer.client, 'tools/call', { name: 'name' })).toEqual({
      content: [{ type: 'text', text: 'pool' }],
    });
  });
});
