import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import type { Client } from '@modelcontextprotocol/sdk/client/index.js';
import {
  isJSONRPCErrorResponse,
  isJSONRPCResultResponse,
  type JSONRPCMessage,
} from '@modelcontextprotocol/sdk/types.js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { z } from 'zod';
import {
  Context,
  CurrentDocket,
  inject,
  Logger,
  param,
  Progress,
  token,
  tool,
  type ErrandServer,
  type Token,
} from '../../src/index.js';
import { call, closeOpened, connect, modes, serverOf } from '../helpers/in-memory.js';
import { expectNoInjected } from '../helpers/no-injected.js';

const Region: Token<string> = token<string>('Region');
const Input = z.object({ city: z.string().optional(), zip: z.number().optional() });
const Loose = z.looseObject({ city: z.string().optional() });

/** What the methods of the last call were given. */
let given: unknown[] = [];

const injectedArguments = (args: unknown[]): boolean =>
  args[0] instanceof Context &&
  args[1] instanceof Progress &&
  args[2] instanceof CurrentDocket &&
  args[3] instanceof Logger &&
  args[4] instanceof AbortSignal &&
  args[5] === 'eu';

class Tools {
  @tool({ input: Input, task: 'optional' })
  whole(
    input: z.infer<typeof Input>,
    ctx: Context,
    progress: Progress,
    docket: CurrentDocket,
    logger: Logger,
    signal: AbortSignal,
    @inject(Region) region: string,
  ) {
    given.push([input, injectedArguments([ctx, progress, docket, logger, signal, region])]);
  }

  @tool({ task: 'optional' })
  named(
    ctx: Context,
    @param('city', z.string().optional()) city: string | undefined,
    progress: Progress,
    docket: CurrentDocket,
    logger: Logger,
    signal: AbortSignal,
    @inject(Region) region: string,
    @param('zip', z.number().optional()) zip: number | undefined,
  ) {
    given.push([{ city, zip }, injectedArguments([ctx, progress, docket, logger, signal, region])]);
  }

  @tool({ task: 'optional' })
  inherited(
    ctx: Context,
    @param('constructor', z.unknown().optional()) one: unknown,
    @param('toString', z.string().optional()) two: string | undefined,
    @param('hasOwnProperty', z.unknown().optional()) three: unknown,
  ) {
    given.push([{ one, two, three }, ctx instanceof Context]);
  }

  @tool({ input: Loose, task: 'optional' })
  loose(input: z.infer<typeof Loose>) {
    given.push([input, true]);
  }
}

const evilNames = [
  '__proto__', 'constructor', 'prototype', 'toString', 'valueOf', 'hasOwnProperty', 'ctx', 'progress', 'docket', 'logger',
  'signal', 'region', 'Context', 'Progress', 'input', 'arguments', '0', '1', 'length', 'then', 'toJSON',
]; // prettier-ignore

/** Objects as JSON.parse makes them, in which `__proto__` is a property like any other. */
const hostileArguments = fc
  .array(
    fc.tuple(
      fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...evilNames) }, fc.constantFrom('city', 'zip'), fc.string()),
      fc.oneof(fc.jsonValue(), fc.constantFrom({ polluted: true }, { isBackground: true }, 'x', 5)),
    ),
  )
  .map((entries) => {
    const text = entries.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',');
    return JSON.parse(`{${text}}`) as Record<string, unknown>;
  });

let server: ErrandServer;
let client: Client;
const unhandled: unknown[] = [];
const hearUnhandled = (reason: unknown): number => unhandled.push(reason);

beforeAll(async () => {
  process.on('unhandledRejection', hearUnhandled);
  server = serverOf({ components: [Tools], providers: [{ provide: Region, useValue: 'eu' }] }).server;
  client = await connect(server);
});
beforeEach(() => {
  given = [];
});
afterEach(async () => {
  await new Promise((resolve) => setImmediate(resolve));
  expect(unhandled).toEqual([]);
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
});
afterAll(async () => {
  await closeOpened();
  process.off('unhandledRejection', hearUnhandled);
});

const own = (args: Record<string, unknown>, name: string): unknown =>
  Object.hasOwn(args, name) ? args[name] : undefined;

/** What two declared properties let through, or undefined where they refuse. */
function declared(args: Record<string, unknown>): object | undefined {
  const [city, zip] = [own(args, 'city'), own(args, 'zip')];
  if ((city !== undefined && typeof city !== 'string') || (zip !== undefined && typeof zip !== 'number')) {
    return undefined;
  }
  return { city, zip };
}

describe.each(modes)('hostile arguments in the %s', (mode) => {
  const runs = { numRuns: mode === 'foreground' ? 300 : 100 };

  it.each(['whole', 'named'])('give the method of `%s` its declared properties and nothing else', async (name) => {
    await fc.assert(
      fc.asyncProperty(hostileArguments, async (args) => {
        given = [];
        const expected = declared(args);
        const result = await call(client, mode, name, args).catch(() => undefined);
        if (expected === undefined) {
          expect(result?.isError ?? true).toBe(true);
          expect(given).toEqual([]);
        } else {
          expect(given).toEqual([[expected, true]]);
          const [[input]] = given as [[object]];
          expect(Object.getPrototypeOf(input)).toBe(Object.prototype);
          expect(Object.keys(input).every((key) => key === 'city' || key === 'zip')).toBe(true);
        }
      }),
      runs,
    );
  });

  it('never find an argument that every object inherits', async () => {
    await call(client, mode, 'inherited', {});
    expect(given).toEqual([[{ one: undefined, two: undefined, three: undefined }, true]]);
  });

  it('arrive under inherited names when they were sent', async () => {
    await call(client, mode, 'inherited', { constructor: 1, toString: 'x', hasOwnProperty: false });
    expect(given).toEqual([[{ one: 1, two: 'x', three: false }, true]]);
  });

  it('do not change the prototype of an input that takes everything', async () => {
    await fc.assert(
      fc.asyncProperty(hostileArguments, async (args) => {
        given = [];
        const result = await call(client, mode, 'loose', args).catch(() => undefined);
        if (result === undefined || result.isError === true) return;
        const [[input]] = given as [[Record<string, unknown>]];
        expect(Object.getPrototypeOf(input)).toBe(Object.prototype);
        expect(input.polluted).toBe(own(args, 'polluted'));
      }),
      { numRuns: 50 },
    );
  });
});

describe('tools/list', () => {
  it('shows no injected parameter', async () => {
    expectNoInjected((await client.listTools()).tools);
  });
});

describe('params of any shape', () => {
  const anything = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom(undefined, null, '', 0, -1, 1.5, true, [], {}, { ttl: -1 }, { ttl: 'x' }, { progressToken: {} }),
  );
  // With params or a progress token of another type it is no request of JSON-RPC to the SDK, which drops those.
  const meta = fc.record(
    { progressToken: fc.oneof(fc.string(), fc.integer()), 'example.com/more': anything },
    { requiredKeys: [] },
  );
  const params = fc.record(
    {
      name: fc.oneof(fc.constantFrom('whole', 'named', 'loose', '__proto__', 'nothing'), anything),
      arguments: fc.oneof(hostileArguments, anything),
      task: anything,
      _meta: meta,
      more: anything,
    },
    { requiredKeys: [] },
  );
  const methods = fc.constantFrom('tools/call', 'tools/call', 'tools/list', 'tasks/get', 'tasks/result', 'tasks/cancel', 'tasks/list', 'tasks/nothing'); // prettier-ignore

  it('are always answered with a result or an error of the protocol', async () => {
    const [ours, theirs] = InMemoryTransport.createLinkedPair();
    const waiting = new Map<unknown, (message: JSONRPCMessage) => void>();
    ours.onmessage = (message) => {
      if ('id' in message) waiting.get(message.id)?.(message);
    };
    await server.connect(theirs);
    await ours.start();
    let nextId = 0;
    const ask = (method: string, given: unknown): Promise<JSONRPCMessage> =>
      new Promise((resolve, reject) => {
        const id = nextId++;
        const timer = setTimeout(() => reject(new Error(`No answer to ${JSON.stringify({ method, given })}`)), 2_000);
        waiting.set(id, (message) => {
          clearTimeout(timer);
          waiting.delete(id);
          resolve(message);
        });
        ours.send({ jsonrpc: '2.0', id, method, params: given } as JSONRPCMessage).catch(reject);
      });
    await ask('initialize', {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'raw', version: '1' },
    });
    await fc.assert(
      fc.asyncProperty(methods, fc.option(params, { nil: undefined }), async (method, shape) => {
        const answer = await ask(method, shape);
        expect(isJSONRPCResultResponse(answer) || isJSONRPCErrorResponse(answer)).toBe(true);
        if (isJSONRPCErrorResponse(answer)) {
          expect(answer.error.code).toBeLessThan(-32_000);
          expect(answer.error.code).not.toBe(-32_603);
        }
      }),
      { numRuns: 500 },
    );
    await ours.close();
  });
});
