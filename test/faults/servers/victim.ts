import { z } from 'zod';
import {
  Context,
  createServer,
  CurrentDocket,
  defineJob,
  defineTool,
  injectable,
  param,
  prompt,
  resource,
} from '../../../src/index.js';
import { Tree } from '../../helpers/tree.js';

const Person = z.object({ name: z.string().min(3), mail: z.email(), age: z.int() });

const Any = z
  .object({
    strings: z.array(z.string()),
    short: z.array(z.string().max(0)),
    record: z.record(z.string(), z.number()),
    keys: z.record(z.string().regex(/^only these$/), z.any()),
    unions: z.array(z.union([z.string(), z.array(z.string()), Person, z.strictObject({ b: z.boolean() })])),
    kinds: z.array(
      z.discriminatedUnion('kind', [z.object({ kind: z.literal('a') }), z.object({ kind: z.literal('b') })]),
    ),
    people: z.array(Person),
    strict: z.strictObject({ a: z.string() }),
    stricts: z.union(['a', 'b', 'c', 'd', 'e', 'f'].map((key) => z.strictObject({ [key]: z.string() }))),
    tree: Tree,
    enumerated: z.enum(['one', 'two']),
    enums: z.array(z.enum(['one', 'two'])),
    tuple: z.tuple([z.string()], z.number()),
    both: z.record(z.string(), z.number()).and(z.object({ a: z.string() })),
    codecs: z.array(z.codec(z.iso.date(), z.date(), { decode: (text) => new Date(text), encode: () => '2026-01-01' })),
    split: z
      .string()
      .transform((text) => text.split(','))
      .pipe(z.array(z.string().max(0))),
    anything: z.any(),
  })
  .partial();

/** What is wrong in the way that a name says, about as large as a request may be. */
const largeWrong = (): unknown => Array.from({ length: 800_000 }, () => 1);

const take = defineTool({ name: 'take', task: 'optional', input: Any, run: () => 'taken' });

const takeStrict = defineTool({
  name: 'takeStrict',
  task: 'optional',
  input: z.strictObject({ a: z.string() }),
  run: () => 'taken',
});

const store = defineJob({ name: 'store', input: z.object({ strings: z.array(z.string()) }), run: () => undefined });

const add = defineTool({
  name: 'add',
  inject: [CurrentDocket],
  run: async (_input, docket) => {
    try {
      await docket.add(store, { strings: largeWrong() as string[] });
      return 'added';
    } catch (error) {
      return (error as Error).message;
    }
  },
});

const returns = defineTool({
  name: 'returns',
  task: 'optional',
  output: z.object({ strings: z.array(z.string()).min(1) }),
  run: () => ({ strings: largeWrong() as string[] }),
});

const ask = defineTool({
  name: 'ask',
  task: 'optional',
  input: z.object({ what: z.enum(['form', 'sample', 'roots']) }),
  inject: [Context],
  run: async ({ what }, ctx) => {
    if (what === 'form') await ctx.elicit('Which?', z.object({ which: z.string().max(5) }));
    else if (what === 'sample') await ctx.sample('Hello');
    else await ctx.listRoots();
    return 'answered';
  },
});

/** Leaves nothing of what was before, so that what comes next can be measured. */
const settle = defineTool({
  name: 'settle',
  run: () => {
    globalThis.gc?.();
    return process.memoryUsage();
  },
});

@injectable()
class Others {
  @prompt({ input: z.object({ tone: z.enum(['kind', 'short']), about: z.string().max(50) }) })
  write({ tone }: { tone: string; about: string }) {
    return tone;
  }

  @resource('notes://{name}')
  note(@param('name', z.string().max(20)) name: string) {
    return name;
  }
}

export default createServer({
  name: 'victim',
  version: '1.0.0',
  components: [take, takeStrict, store, add, returns, ask, settle, Others],
});
