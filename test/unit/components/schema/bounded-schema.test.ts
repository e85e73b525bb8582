import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { z } from 'zod';
import { describeIssues } from '../../../../src/base/issues.js';
import { boundedSchema } from '../../../../src/components/schema/bounded-schema.js';
import { Tree } from '../../../helpers/tree.js';

const wrong = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const wrongByKey = (count: number): object => Object.fromEntries(wrong(count).map((value) => [`k${value}`, value]));

/** A schema of strings that counts the values it checks. */
function counting(): { readonly schema: z.ZodType; seen(): number } {
  let seen = 0;
  const schema = z.preprocess((value) => (seen++, value), z.string());
  return { schema, seen: () => seen };
}

type Case = readonly [name: string, of: (item: z.ZodType) => z.ZodType, value: unknown];

const cases: readonly Case[] = [
  ['array', (item) => z.array(item), wrong(5_000)],
  [
    'array with checks',
    (item) =>
      z
        .array(item)
        .min(1)
        .refine(() => true),
    wrong(5_000),
  ],
  ['rest of a tuple', (item) => z.tuple([z.number()], item), wrong(5_000)],
  ['values of a record', (item) => z.record(z.string(), item), wrongByKey(5_000)],
  ['catchall', (item) => z.object({ known: z.string().optional() }).catchall(item), wrongByKey(5_000)],
  ['set', (item) => z.set(item), new Set(wrong(5_000))],
  ['values of a map', (item) => z.map(z.number(), item), new Map(wrong(5_000).map((value) => [value, value]))],
  ['array in an object', (item) => z.object({ items: z.array(item) }), { items: wrong(5_000) }],
  ['array in a union', (item) => z.union([z.string(), z.array(item)]), wrong(5_000)],
  ['array in an intersection', (item) => z.intersection(z.array(item), z.array(z.number())), wrong(5_000)],
  ['record in an intersection', (item) => z.record(z.string(), item).and(z.looseObject({})), wrongByKey(5_000)],
  ['array in a lazy schema', (item) => z.lazy(() => z.array(item)), wrong(5_000)],
  ['array in wrappers', (item) => z.array(item).optional().nullable().default([]).readonly(), wrong(5_000)],
  ['array in a pipe', (item) => z.array(item).transform((items) => items.length), wrong(5_000)],
  [
    'array in a codec',
    (item) => z.codec(z.array(item), z.number(), { decode: () => 1, encode: () => [] }),
    wrong(5_000),
  ],
  [
    'array in a discriminated union',
    (item) => z.discriminatedUnion('type', [z.object({ type: z.literal('a'), items: z.array(item) })]),
    { type: 'a', items: wrong(5_000) },
  ],
];

describe('a bounded schema', () => {
  it.each(cases)('[B1] checks no more than ten wrong items: %s', (_name, of, value) => {
    const plain = counting();
    expect(of(plain.schema).safeParse(value).success).toBe(false);
    expect(plain.seen()).toBeGreaterThan(4_000);

    const counted = counting();
    const bounded = boundedSchema(of(counted.schema));
    // Zod changes a schema on first use.
    for (const times of [1, 2]) {
      expect(bounded.safeParse(value).error?.issues.length).toBeLessThanOrEqual(11);
      expect(counted.seen()).toBeLessThanOrEqual(10 * times);
    }
  });

  it.each(cases)('[B1] has few issues even for asynchronous items: %s', async (_name, of, value) => {
    const item = z.string().refine(() => Promise.resolve(true));
    const { error } = await boundedSchema(of(item)).safeParseAsync(value);
    expect(error?.issues.length).toBeLessThanOrEqual(11);
  });

  it('[B1] reports that there are more issues, but not how many', () => {
    const { error } = boundedSchema(z.object({ items: z.array(z.string()) })).safeParse({ items: wrong(5_000) });
    expect(describeIssues(error!)).toMatch(/^items\.0: [^;]*(; items\.\d: [^;]*){9}; and more$/);
  });

  it('[B1] bounds schemas that contain themselves', () => {
    const node = (children: unknown): unknown => ({ name: 'x', children });
    const value = node([node(wrong(5_000)), node([node(wrong(5_000))])]);
    expect(boundedSchema(Tree).safeParse(value).error?.issues.length).toBeLessThan(40);
    expect(boundedSchema(Tree).safeParse(node([node([])]))).toEqual({ success: true, data: node([node([])]) });
  });

  it('[B1] does not refine collections with unchecked items, nor anything that contains them', () => {
    const Items = z.array(z.string().min(3)).refine((items) => items.every((item) => item.length > 0));
    const Whole = z.object({ items: Items }).refine(({ items }) => items.every((item) => item.length > 0));
    const { error } = boundedSchema(Whole).safeParse({ items: Array.from({ length: 5_000 }, () => 'x') });
    expect(error?.issues.at(-1)?.message).toBe('and more');
  });

  it('[B1] accepts keys that one side of an intersection refuses and the other knows', () => {
    const schema = z.record(z.string().regex(/^x/), z.number()).and(z.looseObject({}));
    const value = { ...wrongByKey(500), x: 1 };
    expect(boundedSchema(schema).safeParse(value)).toEqual(schema.safeParse(value));
    expect(boundedSchema(schema).safeParse(Object.assign({}, value, { x: 'wrong' })).success).toBe(false);
  });

  it('[B1] accepts numeric keys, which zod tries twice each', () => {
    const value = Object.fromEntries(wrong(500).map((key) => [key, 'x'] as const)) as Record<number, string>;
    expect(boundedSchema(z.record(z.number(), z.string())).safeParse(value)).toEqual({ success: true, data: value });
  });

  it('[B1] loses no rejection of an item whose check had begun', async () => {
    const item = z.union([z.string(), z.number().refine(() => Promise.reject(new Error('broken')))]);
    await expect(boundedSchema(z.array(item)).safeParseAsync([1, ...Array<boolean>(50).fill(true)])).rejects.toThrow(
      'broken',
    );
  });

  it('[B1] is the schema itself when there is nothing to bound', () => {
    const schema = z.object({ a: z.string(), b: z.union([z.number(), z.null()]).optional() });
    expect(boundedSchema(schema)).toBe(schema);
  });

  it('[B1] encodes as the schema does', async () => {
    const day = z.codec(z.iso.date(), z.date(), {
      decode: (text) => new Date(text),
      encode: (date) => date.toISOString().slice(0, 10),
    });
    const schema = z.object({ days: z.array(day).min(1), by: z.map(z.string(), z.set(day)).optional() });
    const value = { days: [new Date(0)] };
    await expect(z.safeEncodeAsync(boundedSchema(schema), value)).resolves.toEqual({
      success: true,
      data: { days: ['1970-01-01'] },
    });
    const invalid = await z.safeEncodeAsync(boundedSchema(schema), { days: wrong(5_000) as never });
    expect(invalid.error?.issues.length).toBeLessThanOrEqual(11);
  });
});

/** Random schemas. The values below fit some of them. */
const { schema: schemas } = fc.letrec<{ schema: z.ZodType }>((tie) => {
  const child = tie('schema');
  return {
    schema: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc.constantFrom<z.ZodType>(
        z.string(),
        z.string().min(2),
        z.number(),
        z.int().max(5),
        z.boolean(),
        z.null(),
        z.enum(['a', 'b']),
        z.coerce.number(),
        z.string().transform((text) => text.length),
        z.string().refine((text) => text !== 'aa'),
        z.any(),
      ),
      child.map((item) => z.array(item)),
      child.map((item) => z.array(item).min(2).max(15)),
      child.map((item) => z.array(item).refine((items) => items.length !== 3)),
      fc.tuple(child, child).map(([first, rest]) => z.tuple([first], rest)),
      child.map((item) => z.record(z.string(), item)),
      child.map((item) => z.record(z.string().max(1), item)),
      child.map((item) => z.partialRecord(z.enum(['a', 'b', 'c']), item)),
      fc.tuple(child, child).map(([a, b]) => z.object({ a, b: b.optional() })),
      fc.tuple(child, child).map(([a, rest]) => z.object({ a: a.optional() }).catchall(rest)),
      child.map((a) => z.strictObject({ a })),
      child.map((a) => z.looseObject({ a })),
      fc.tuple(child, child).map(([one, other]) => z.union([one, other])),
      fc.tuple(child, child).map(([a, b]) => z.object({ a }).and(z.object({ b: b.optional() }))),
      child.map((item) => z.record(z.string().regex(/^a/), item).and(z.looseObject({}))),
      child.map((inner) => inner.optional()),
      child.map((inner) => inner.nullable()),
      child.map((inner) => inner.readonly()),
      child.map((inner) => inner.catch('caught' as never)),
      child.map((inner) => inner.default('default' as never)),
      child.map((inner) => z.lazy(() => inner)),
      child.map((inner) => inner.pipe(z.any())),
      child.map((inner) => z.preprocess((value) => value, inner)),
      child.map((inner) => inner.transform((value) => ({ value }))),
    ),
  };
});

const keys = [...Array(26).keys()].map((index) => String.fromCodePoint(0x61 + index)).concat('ab', 'xy', '1', '22');

const values = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom<unknown>('a', 'aa', 'b', '1', 1, 2, 7, true, null, 0.5),
    fc.array(tie('value'), { maxLength: 30, size: 'max' }),
    fc.tuple(tie('value'), fc.nat(30)).map(([item, count]) => Array.from({ length: count }, () => item)),
    fc.dictionary(fc.constantFrom(...keys), tie('value'), {
      maxKeys: 25,
      size: 'max',
    }),
    fc.record({ a: tie('value'), b: tie('value') }),
  ),
})).value;

interface Seen {
  readonly outcome: 'valid' | 'invalid' | 'thrown';
  readonly value?: unknown;
  readonly issues?: readonly z.core.$ZodIssue[];
}

function seen(schema: z.ZodType, value: unknown): Seen {
  try {
    const result = schema.safeParse(structuredClone(value));
    return result.success
      ? { outcome: 'valid', value: result.data }
      : { outcome: 'invalid', issues: result.error.issues };
  } catch {
    return { outcome: 'thrown' };
  }
}

/** Removes the messages that name keys: a bounded schema names fewer. */
const withoutKeys = (issues: readonly z.core.$ZodIssue[]): string =>
  JSON.stringify(issues).replace(/"message":"Unrecognized keys: .*?(more|\\")"/g, '');

describe('a bounded schema and the schema itself', () => {
  it('[B1] accept and return the same, and begin with the same issues', () => {
    fc.assert(
      fc.property(schemas, values, (schema, value) => {
        const plain = seen(schema, value);
        const bounded = seen(boundedSchema(schema), value);
        // Zod throws for sides of an intersection that it cannot merge, unless it already knows that they are wrong.
        if (plain.outcome === 'thrown') return;
        expect(bounded.outcome).toBe(plain.outcome);
        expect(bounded.value).toEqual(plain.value);
        const issues = bounded.issues ?? [];
        const stopped = JSON.stringify(issues).includes('"and more"');
        if (!stopped) expect(withoutKeys(issues)).toEqual(withoutKeys(plain.issues ?? []));
        // Where parsing stopped, zod cannot tell which option of a union was meant, and blames the union as a whole.
        else if (issues[0]?.code !== 'invalid_union') expect(issues[0]?.path[0]).toEqual(plain.issues?.[0]?.path[0]);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('a long array whose items are refined asynchronously', () => {
  /** Even numbers, and how many of them are looked at at once. */
  function evens(): { readonly schema: z.ZodType; readonly most: () => number } {
    let [now, most] = [0, 0];
    const item = z.number().refine(async (value) => {
      most = Math.max(most, ++now);
      await Promise.resolve();
      now--;
      return value % 2 === 0;
    });
    return { schema: z.object({ items: z.array(item) }), most: () => most };
  }

  it('[B1] is parsed in parts, which changes nothing of what comes of it', async () => {
    const { schema, most } = evens();
    const items = Array.from({ length: 5_000 }, (_, index) => index * 2);
    expect(await boundedSchema(schema).parseAsync({ items })).toEqual({ items });
    expect(most()).toBeLessThanOrEqual(100);
    const result = await boundedSchema(schema).safeParseAsync({ items: [...items, 1, 2, 3] });
    expect(result.error?.issues.map(({ path }) => path)).toEqual([
      ['items', 5_000],
      ['items', 5_002],
    ]);
  });

  it('[B1] is looked at no further than the part with the tenth issue', async () => {
    const { schema, most } = evens();
    const result = await boundedSchema(schema).safeParseAsync({ items: wrong(50_000) });
    expect(describeIssues(result.error!)).toMatch(/^items\.1: .*items\.19: Invalid input; and more$/);
    expect(most()).toBeLessThanOrEqual(100);
  });
});
