import { afterEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { z } from 'zod';
import { CurrentDocket, defineJob, defineTool } from '../../src/index.js';
import { call, closeOpened, connect, modes, serverOf } from '../helpers/in-memory.js';
import { schemaSamples } from '../helpers/schema-samples.js';

afterEach(closeOpened);

describe('a stock client, which compiles what tools/list shows and checks results by it', () => {
  it('[C1] lists tools with schemas of all kinds, and calls them', async () => {
    const samples = fc.sample(schemaSamples, { seed: 7, numRuns: 40 });
    const tools = samples.map(({ schema, returned }, at) =>
      defineTool({ name: `t${at}`, input: z.object({ it: schema }), output: schema, run: () => returned }),
    );
    const client = await connect(serverOf({ components: tools }).server);
    expect((await client.listTools()).tools).toHaveLength(samples.length);
    for (const [at, { sent }] of samples.entries()) {
      const { isError, content } = await client.callTool({ name: `t${at}`, arguments: { it: sent } });
      expect([at, isError, isError === true && content]).toEqual([at, undefined, false]);
    }
  });

  it.each<[string, z.ZodType, unknown]>([
    ['a definition', z.array(z.object({ id: z.number() }).meta({ id: 'PublishedRow' })), [{ id: 1 }]],
    ['a schema that contains itself', z.json(), { a: [1, { b: null }] }],
    ['a tuple', z.tuple([z.string()]).rest(z.number()), ['a', 1, 2]],
  ])('[C1] finds %s in a result that is wrapped', async (_what, output, value) => {
    const client = await connect(
      serverOf({ components: [defineTool({ name: 'give', output, run: () => value })] }).server,
    );
    await client.listTools();
    expect(await client.callTool({ name: 'give' })).toMatchObject({ structuredContent: { result: value } });
  });

  it("[C6] is told an author's $schema, at the root, also of a wrapped result", async () => {
    const $schema = 'http://json-schema.org/draft-07/schema#';
    const tool = defineTool({
      name: 'pairs',
      input: z.object({ a: z.string() }).meta({ $schema: 'https://json-schema.org/draft/2020-12/schema' }),
      output: z.array(z.tuple([z.string(), z.number()])).meta({ $schema }),
      run: ({ a }) => [[a, 1] as [string, number]],
    });
    const client = await connect(serverOf({ components: [tool] }).server);
    expect((await client.listTools()).tools[0]).toMatchObject({
      inputSchema: { $schema: 'https://json-schema.org/draft/2020-12/schema' },
      outputSchema: {
        $schema,
        properties: { result: { type: 'array', items: { items: [{ type: 'string' }, { type: 'number' }] } } },
      },
    });
    expect(await client.callTool({ name: 'pairs', arguments: { a: 'x' } })).toMatchObject({
      structuredContent: { result: [['x', 1]] },
    });
  });
});

const isoDate = z.codec(z.iso.datetime(), z.date(), {
  decode: (text) => new Date(text),
  encode: (date) => date.toISOString(),
});

describe('a result, in the foreground and as a task,', () => {
  it.each<[string, z.ZodType, unknown, unknown]>([
    ['a default', z.object({ id: z.number(), tags: z.array(z.string()).default([]) }), { id: 1 }, { id: 1, tags: [] }],
    [
      'a default behind a codec',
      z.object({ at: isoDate.default(new Date(0)) }),
      {},
      { at: '1970-01-01T00:00:00.000Z' },
    ],
    [
      'a prefault',
      z.object({ at: isoDate.prefault('2026-12-01T00:00:00.000Z') }),
      {},
      { at: '2026-12-01T00:00:00.000Z' },
    ],
    ['a catch', z.object({ kind: z.enum(['a', 'b']).catch('a') }), { kind: 'old' }, { kind: 'a' }],
    ['a catch of what is missing', z.object({ kind: z.enum(['a', 'b']).catch('a') }), {}, { kind: 'a' }],
    [
      'a default in a list in a union',
      z.object({ all: z.array(z.union([z.null(), z.object({ n: z.int().default(5) })])) }),
      { all: [{}, null] },
      { all: [{ n: 5 }, null] },
    ],
    ['a default in a record', z.record(z.enum(['a', 'b']), z.number().default(0)), { a: 1 }, { a: 1, b: 0 }],
    [
      'a default of an entry of a tuple',
      z.object({ t: z.tuple([z.string(), z.number().default(2)]) }),
      { t: ['a'] },
      { t: ['a', 2] },
    ],
  ])('[C2] has %s', async (_what, output, returned, structuredContent) => {
    const tool = defineTool({ name: 'give', output, task: 'optional', run: () => returned });
    const client = await connect(serverOf({ components: [tool] }).server);
    await client.listTools();
    for (const mode of modes) expect(await call(client, mode, 'give')).toMatchObject({ structuredContent });
    expect(await client.callTool({ name: 'give' })).toMatchObject({ structuredContent });
  });

  it('[C2] and the input that a program adds to the docket have their defaults filled in', async () => {
    const Range = z.object({ from: z.int(), to: z.int().default(9) });
    let received: unknown;
    const job = defineJob({ name: 'job', input: Range, run: (range) => void (received = range) });
    const tool = defineTool({
      name: 'add',
      inject: [CurrentDocket],
      run: async (_input, docket) => {
        const execution = await docket.add(job, { from: 1 } as z.infer<typeof Range>);
        await execution.result();
      },
    });
    const client = await connect(serverOf({ components: [tool, job] }).server);
    await call(client, 'foreground', 'add');
    expect(received).toEqual({ from: 1, to: 9 });
  });

  it('[C2] the arguments that tools/list requires are those that a call needs', async () => {
    const input = z.object({
      a: z.string(),
      b: z.enum(['x']).catch('x'),
      c: z.number().default(1),
      d: z.string().prefault(''),
    });
    const tool = defineTool({ name: 'take', input, run: (given) => given });
    const client = await connect(serverOf({ components: [tool] }).server);
    expect((await client.listTools()).tools[0]?.inputSchema.required).toEqual(['a']);
    expect(await client.callTool({ name: 'take', arguments: { a: '' } })).toMatchObject({
      structuredContent: { a: '', b: 'x', c: 1, d: '' },
    });
  });
});
