import fc from 'fast-check';
import { z } from 'zod';

/** A schema with a value that travels out by it, and one that comes in. */
export interface SchemaSample {
  readonly schema: z.ZodType;
  /** What a method may return. Fields with a default, a prefault or a catch are left out now and then. */
  readonly returned: unknown;
  /** What a client may send. */
  readonly sent: unknown;
}

const sample = (schema: z.ZodType, returned: unknown, sent: unknown = returned): SchemaSample => ({
  schema,
  returned,
  sent,
});

const isoDate = z.codec(z.iso.datetime(), z.date(), {
  decode: (text) => new Date(text),
  encode: (date) => date.toISOString(),
});
const numeral = z.codec(z.string().regex(/^\d+$/), z.number(), { decode: Number, encode: String });
const day = new Date('2026-12-01T00:00:00Z');

const leaves = fc.constantFrom<() => SchemaSample>(
  () => sample(z.string(), 'x'),
  () => sample(z.string().min(1).max(3), 'abc'),
  () => sample(z.string().regex(/^a-z$/i), 'A-Z'),
  () => sample(z.string().regex(/^[\w-.]+$/), 'a.b'),
  () => sample(z.string().regex(/^a/).regex(/B$/i), 'ab'),
  () => sample(z.string().startsWith('a').endsWith('b'), 'a$b'),
  () => sample(z.email(), 'a@example.com'),
  () => sample(z.url(), 'https://example.com/ü x', 'https://example.com'),
  () => sample(z.uuid(), '11111111-1111-4111-8111-111111111111'),
  () => sample(z.iso.date(), '2026-12-01'),
  () => sample(z.iso.time(), '12:00:00'),
  () => sample(z.iso.datetime({ local: true }), '2026-12-01T00:00:00'),
  () => sample(z.iso.datetime({ offset: true }), '2026-12-01T00:00:00+02:00'),
  () => sample(z.iso.datetime({ precision: -1 }), '2026-12-01T00:00Z'),
  () => sample(z.iso.duration(), 'P1D'),
  () => sample(z.ipv4(), '127.0.0.1'),
  () => sample(z.templateLiteral(['v', z.number()]), 'v1'),
  () => sample(z.number().min(0).lt(1), 0.5),
  () => sample(z.number().multipleOf(0.1), 0.3),
  () => sample(z.int(), 7),
  () => sample(z.int32().multipleOf(2), 4),
  () => sample(z.boolean(), false),
  () => sample(z.null(), null),
  () => sample(z.literal(['a', 1, null, true]), 1),
  () => sample(z.enum(['a', 'b']), 'b'),
  () => sample(z.any(), { a: [1] }),
  () => sample(z.unknown(), 'x'),
  () => sample(z.json(), { a: [1, { b: null }] }),
  () => sample(isoDate, day, day.toISOString()),
  () => sample(numeral, 12, '12'),
  () => sample(z.stringbool(), true, 'true'),
  () => sample(z.coerce.number(), 5),
);

let count = 0;
/** Ids are registered once for all, so each needs a name of its own; some need escaping in a reference. */
const identified = (schema: z.ZodType): z.ZodType =>
  schema.meta({ id: ['Row', 'a/b~c', 'per%cent', 'two words', 'ü'][count % 5]! + String(++count) });

interface Tree {
  name: string;
  children: Tree[];
}

const recursive: readonly (() => SchemaSample)[] = [
  () => {
    const Node: z.ZodType<Tree> = z.object({ name: z.string(), children: z.lazy(() => z.array(Node)) });
    return sample(Node, { name: 'a', children: [{ name: 'b', children: [] }] });
  },
  () => {
    const Node: z.ZodType = z.object({ name: z.string(), next: z.lazy(() => Node.nullable().default(null)) });
    return sample(Node, { name: 'a', next: { name: 'b' } });
  },
  () => {
    const Node = z
      .object({
        get next() {
          return z.array(Node).optional();
        },
      })
      .meta({ id: `Node${++count}` });
    return sample(Node, { next: [{}] });
  },
];

type Wrap = (inner: SchemaSample) => SchemaSample;

const wraps = fc.constantFrom<Wrap>(
  ({ schema, returned, sent }) => sample(schema.nullable(), returned, sent),
  ({ schema }) => sample(schema.nullable(), null),
  ({ schema, returned, sent }) => sample(schema.readonly(), returned, sent),
  ({ schema, returned, sent }) => sample(schema.describe('described'), returned, sent),
  ({ schema, returned, sent }) => sample(identified(schema), returned, sent),
  ({ schema, returned, sent }) => sample(z.array(schema), [returned, returned], [sent]),
  ({ schema, returned, sent }) => sample(z.array(identified(schema)).max(2), [returned], [sent, sent]),
  ({ schema, returned, sent }) => sample(z.record(z.string(), schema), { 'a/b': returned }, { c: sent }),
  ({ schema, returned, sent }) =>
    sample(z.record(z.enum(['a', 'b']), schema), { a: returned, b: returned }, { a: sent, b: sent }),
  ({ schema, returned }) => sample(z.record(z.enum(['a']), schema.default(returned)), {}),
  ({ schema, returned, sent }) => sample(z.partialRecord(z.enum(['a', 'b']), schema), { b: returned }, { b: sent }),
  ({ schema, returned, sent }) => sample(z.tuple([schema, z.string()]), [returned, 'x'], [sent, 'x']),
  ({ schema, returned, sent }) => sample(z.tuple([z.string()]).rest(schema), ['x', returned], ['x', sent]),
  ({ schema, returned, sent }) => sample(z.tuple([schema, schema.default(returned)]), [returned], [sent]),
  ({ schema, returned, sent }) => sample(z.union([z.object({ never: z.literal(1) }), schema]), returned, sent),
  ({ schema, returned, sent }) =>
    sample(
      z.discriminatedUnion('kind', [
        z.object({ kind: z.literal('a'), it: schema }),
        z.object({ kind: z.literal('b') }),
      ]),
      { kind: 'a', it: returned },
      { kind: 'a', it: sent },
    ),
  ({ schema, returned, sent }) =>
    sample(
      z.xor([z.object({ one: z.literal(1) }), z.object({ two: z.literal(2), it: schema })]),
      { two: 2, it: returned },
      { two: 2, it: sent },
    ),
  ({ schema, returned, sent }) =>
    sample(
      z.intersection(z.object({ a: z.string().default('a') }), z.object({ it: schema })),
      { it: returned },
      { it: sent },
    ),
  ({ schema, returned, sent }) =>
    sample(z.object({ 'a/b~c': schema, x: z.string().optional() }), { 'a/b~c': returned }, { 'a/b~c': sent }),
  ({ schema, returned, sent }) =>
    sample(z.looseObject({ it: schema }), { it: returned, more: 1 }, { it: sent, more: 1 }),
  ({ schema, returned, sent }) => sample(z.strictObject({ it: identified(schema) }), { it: returned }, { it: sent }),
  ({ schema, returned, sent }) => sample(z.object({ it: schema.optional() }), { it: returned }, { it: sent }),
  ({ schema }) => sample(z.object({ it: schema.optional() }), {}),
  ({ schema, returned }) => sample(z.object({ it: schema.default(returned) }), {}),
  ({ schema, returned }) => sample(z.object({ it: schema.default(returned).optional() }), {}),
  ({ schema, returned }) => sample(z.object({ it: schema.optional().default(returned) }), {}),
  ({ schema, sent }) => sample(z.object({ it: schema.prefault(sent as never) }), {}),
  ({ schema, returned }) => sample(z.object({ it: schema.catch(returned) }), {}),
  ({ schema, returned, sent }) =>
    sample(z.object({ it: z.lazy(() => schema.default(returned)) }), { it: returned }, { it: sent }),
);

/** Schemas of all kinds in each other, each with values that fit. */
export const schemaSamples: fc.Arbitrary<SchemaSample> = fc
  .tuple(
    fc.oneof({ weight: 6, arbitrary: leaves }, { weight: 1, arbitrary: fc.constantFrom(...recursive) }),
    fc.array(wraps, { maxLength: 4 }),
  )
  .map(([make, around]) => around.reduce((inner, wrap) => wrap(inner), make()));

/** Every value that one gets by leaving out one property of `value`, at any depth. */
export function withoutOne(value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) {
    const items: unknown[] = value;
    return [
      ...(items.length > 0 ? [items.slice(0, -1)] : []),
      ...items.flatMap((item, at) => withoutOne(item).map((less) => items.with(at, less))),
    ];
  }
  return Object.entries(value).flatMap(([key, part]) => {
    const { [key]: _, ...rest } = value as Record<string, unknown>;
    return [rest, ...withoutOne(part).map((less) => ({ ...value, [key]: less }))];
  });
}
