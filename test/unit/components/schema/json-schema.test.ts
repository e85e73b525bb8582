import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { hasOneWayTransform, toObjectJsonSchema } from '../../../../src/components/schema/json-schema.js';
import { refusalOf } from '../../../helpers/thrown.js';

const schemaOf = (schema: z.ZodType): object => toObjectJsonSchema(schema, 'Tools.run: input');
const isoDate = z.codec(z.iso.datetime(), z.date(), {
  decode: (text) => new Date(text),
  encode: (date) => date.toISOString(),
});

describe('the JSON schema of an input', () => {
  it('has descriptions and defaults, and does not require properties with a default', () => {
    const schema = z.object({ a: z.string().describe('The a'), b: z.number().default(3), c: z.boolean().optional() });
    expect(schemaOf(schema)).toEqual({
      type: 'object',
      properties: {
        a: { type: 'string', description: 'The a' },
        b: { type: 'number', default: 3 },
        c: { type: 'boolean' },
      },
      required: ['a'],
    });
  });

  it('shows the wire type of a codec and a transform', () => {
    const length = z.string().transform((text) => text.length);
    expect(schemaOf(z.object({ when: isoDate, length }))).toMatchObject({
      properties: { when: { type: 'string', format: 'date-time' }, length: { type: 'string' } },
    });
  });

  it.each([
    ['a union', z.union([z.object({ a: z.string() }), z.object({ b: z.number() })])],
    [
      'a discriminated union',
      z.discriminatedUnion('kind', [z.object({ kind: z.literal('a') }), z.object({ kind: z.literal('b') })]),
    ],
    ['an intersection', z.intersection(z.object({ a: z.string() }), z.object({ b: z.number() }))],
    [
      'a union in a union',
      z.union([z.object({ a: z.string() }), z.union([z.object({ b: z.string() }), z.object({ c: z.string() })])]),
    ],
  ])('has an object at the top for %s of objects', (_what, schema) => {
    expect(schemaOf(schema)).toMatchObject({ type: 'object' });
  });

  it('has an object at the top even when schemas have ids', () => {
    const Named = z.object({ a: z.string() }).meta({ id: 'JsonSchemaNamed' });
    expect(schemaOf(Named)).toMatchObject({ type: 'object', properties: { a: { type: 'string' } } });
    expect(schemaOf(z.union([Named, z.object({ b: z.string() })]))).toMatchObject({
      type: 'object',
      anyOf: [{ $ref: '#/$defs/JsonSchemaNamed' }, { type: 'object' }],
    });
  });

  it('keeps the members of a union', () => {
    expect(schemaOf(z.union([z.object({ a: z.string() }), z.object({ b: z.number() })]))).toEqual({
      type: 'object',
      anyOf: [
        { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] },
        { type: 'object', properties: { b: { type: 'number' } }, required: ['b'] },
      ],
    });
  });

  it('supports recursive schemas', () => {
    const Tree = z.object({
      name: z.string(),
      get children() {
        return z.array(Tree);
      },
    });
    expect(schemaOf(Tree)).toMatchObject({ properties: { children: { items: { $ref: '#' } } } });
  });

  it.each([
    ['a string', z.string(), '"string"'],
    ['an array', z.array(z.string()), '"array"'],
    ['a union of an object and a string', z.union([z.object({}), z.string()]), '{"anyOf":'],
    ['anything', z.any(), '{}'],
  ])('is refused for %s at the top', (_what, schema, got) => {
    const { code, message } = refusalOf(() => schemaOf(schema));
    expect(code).toBe('SCHEMA_UNSUPPORTED');
    expect(message).toMatch(/^Tools\.run: input: the schema has .+ at the top, but MCP arguments are an object\. /);
    expect(message).toContain(got);
  });

  it.each([
    ['a date', z.object({ when: z.date() }), 'when is a z.date()'],
    ['a nested bigint', z.object({ a: z.object({ b: z.object({ c: z.bigint() }) }) }), 'a.b.c is a z.bigint()'],
    [
      'a map in an array',
      z.object({ list: z.array(z.object({ x: z.map(z.string(), z.string()) })) }),
      'list.items.x is a z.map()',
    ],
    [
      'a property named properties',
      z.object({ properties: z.object({ items: z.symbol() }) }),
      'properties.items is a z.symbol()',
    ],
    ['a set in a union', z.object({ a: z.union([z.string(), z.set(z.string())]) }), 'a.anyOf.1 is a z.set()'],
    ['an instance', z.object({ url: z.instanceof(URL) }), 'url is a z.custom()'],
    ['undefined', z.object({ a: z.undefined() }), 'a is a z.undefined()'],
    ['a file', z.object({ picture: z.file() }), 'picture is a z.file()'],
    ['a literal that is not JSON', z.object({ n: z.literal([1, 2n]) }), 'n is a z.literal(2n)'],
    ['a literal that JSON makes null', z.object({ n: z.literal(Number.NaN) }), 'n is a z.literal(NaN)'],
    ['the top', z.date(), 'the schema is a z.date()'],
  ])('is refused with the path of %s', (_what, schema, found) => {
    expect(refusalOf(() => schemaOf(schema))).toEqual({
      code: 'SCHEMA_UNSUPPORTED',
      message: `Tools.run: input: ${found}, which JSON schema cannot express. Use a JSON type, or z.codec() to convert from one.`,
    });
  });
});

describe('a one-way transform', () => {
  it.each([
    ['a transform', z.object({ a: z.string().transform(Number) }), true],
    ['a transform within an array', z.object({ a: z.array(z.string().transform(Number)) }), true],
    ['a preprocessor', z.object({ a: z.preprocess(Number, z.number()) }), true],
    ['a transform whose output is checked', z.object({ a: z.string().transform(Number).pipe(z.number()) }), true],
    ['a codec', z.object({ when: isoDate }), false],
    ['a coercion', z.object({ a: z.coerce.number() }), false],
    ['a refinement', z.object({ a: z.string().refine((text) => text !== '') }), false],
  ])('is found or not: %s', (_what, schema, found) => {
    expect(hasOneWayTransform(schema)).toBe(found);
  });
});
