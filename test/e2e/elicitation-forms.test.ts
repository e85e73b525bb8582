import {
  ElicitRequestFormParamsSchema,
  type ElicitRequest,
  type ElicitResult,
} from '@modelcontextprotocol/sdk/types.js';
import { afterEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { Context, defineTool } from '../../src/index.js';
import { call, closeOpened, connect, modes, serverOf, textOf } from '../helpers/in-memory.js';

afterEach(closeOpened);

/** Asks for `schema` in a call, answers it with `content`, and gives what was asked and what the method received. */
async function ask(
  schema: z.ZodType,
  answer: ElicitResult,
  mode: (typeof modes)[number] = 'foreground',
): Promise<{ form: unknown; received: unknown; failure: string | undefined; log: unknown[] }> {
  let received: unknown;
  let form: unknown;
  const question = defineTool({
    name: 'question',
    task: 'optional',
    inject: [Context],
    run: async (_input, ctx) => {
      received = await ctx.elicit('Please', schema);
    },
  });
  const { server, log } = serverOf({ components: [question] });
  const client = await connect(server, {
    answer: ({ params }: ElicitRequest) => {
      // What the stock client would let through as a form of the protocol.
      form = ElicitRequestFormParamsSchema.parse(params).requestedSchema;
      return answer;
    },
  });
  const result = await call(client, mode, 'question');
  return {
    form,
    received,
    failure: result.isError === true ? textOf(result) : undefined,
    log: log.map(({ fields }) => fields.error),
  };
}

const accept = (content: NonNullable<ElicitResult['content']>): ElicitResult => ({ action: 'accept', content });

const Named = z.enum(['a', 'b']).meta({ id: 'ElicitedEnum' });

describe('a form of an object', () => {
  it.each<[string, z.ZodType, object, string | number | boolean | string[]]>([
    ['a text', z.string().min(2).max(9), { type: 'string', minLength: 2, maxLength: 9 }, 'abc'],
    [
      'a described text',
      z.string().meta({ title: 'T', description: 'D' }),
      { type: 'string', title: 'T', description: 'D' },
      '',
    ],
    ['an e-mail address', z.email(), { type: 'string', format: 'email' }, 'a@example.com'],
    ['a URL', z.url(), { type: 'string', format: 'uri' }, 'https://example.com'],
    ['a day', z.iso.date(), { type: 'string', format: 'date' }, '2026-11-20'],
    ['a time', z.iso.datetime(), { type: 'string', format: 'date-time' }, '2026-11-20T10:00:00Z'],
    ['a text of a format that forms do not know', z.uuid(), { type: 'string' }, '11111111-1111-4111-8111-111111111111'],
    ['a number', z.number().min(0).max(1), { type: 'number', minimum: 0, maximum: 1 }, 0.5],
    ['an integer', z.int32(), { type: 'integer', minimum: -2147483648, maximum: 2147483647 }, 7],
    ['a boolean', z.boolean(), { type: 'boolean' }, false],
    ['one of several', z.enum(['a', 'b']), { type: 'string', enum: ['a', 'b'] }, 'b'],
    ['one possibility', z.literal('a'), { type: 'string', enum: ['a'] }, 'a'],
    [
      'one of several with titles',
      z.string().meta({ oneOf: [{ const: 'a', title: 'A' }] }),
      { type: 'string', oneOf: [{ const: 'a', title: 'A' }] },
      'a',
    ],
    [
      'some of several',
      z
        .array(z.enum(['a', 'b']))
        .min(1)
        .max(2),
      { type: 'array', minItems: 1, maxItems: 2, items: { type: 'string', enum: ['a', 'b'] } },
      ['a', 'b'],
    ],
    [
      'some of several with titles',
      z.array(z.string().meta({ anyOf: [{ const: 'a', title: 'A' }] })),
      { type: 'array', items: { anyOf: [{ const: 'a', title: 'A' }] } },
      ['a'],
    ],
    ['one of several of a named schema', Named, { type: 'string', enum: ['a', 'b'] }, 'a'],
    ['some of several of a named schema', z.array(Named), { items: { type: 'string', enum: ['a', 'b'] } }, ['b']],
    [
      'a described one of a named schema',
      Named.describe('Where to'),
      { type: 'string', description: 'Where to', enum: ['a', 'b'] },
      'a',
    ],
    [
      'a union of texts',
      z.union([z.literal('a'), z.literal('b').describe('B'), z.enum(['c', 'd'])]),
      { type: 'string', enum: ['a', 'b', 'c', 'd'] },
      'c',
    ],
    [
      'some of a union of texts',
      z.array(z.union([z.literal('a'), z.literal('b')])),
      { type: 'array', items: { type: 'string', enum: ['a', 'b'] } },
      ['b'],
    ],
    ['one of a list of texts', z.literal(['a', 'b']), { type: 'string', enum: ['a', 'b'] }, 'b'],
  ])('asks for %s, and the answer arrives', async (_what, schema, field, value) => {
    const { form, received, failure, log } = await ask(z.object({ it: schema }), accept({ it: value }));
    expect([failure, log]).toEqual([undefined, []]);
    expect(form).toMatchObject({ type: 'object', properties: { it: field }, required: ['it'] });
    expect(received).toEqual({ action: 'accept', content: { it: value } });
  });

  it('does not require what is optional or has a default', async () => {
    const schema = z.object({ a: z.string(), b: z.string().optional(), c: z.number().default(3) });
    const { form, received } = await ask(schema, accept({ a: 'x' }));
    expect(form).toMatchObject({ required: ['a'], properties: { c: { type: 'number', default: 3 } } });
    expect(received).toEqual({ action: 'accept', content: { a: 'x', c: 3 } });
  });

  it.each(modes)('decodes what travels in the %s', async (mode) => {
    const day = z.codec(z.iso.date(), z.date(), {
      decode: (text) => new Date(text),
      encode: (date) => date.toISOString().slice(0, 10),
    });
    const { received } = await ask(z.object({ day }), accept({ day: '2026-11-20' }), mode);
    expect(received).toEqual({ action: 'accept', content: { day: new Date('2026-11-20') } });
  });
});

describe.each(modes)('a scalar in the %s', (mode) => {
  it.each<[string, z.ZodType, object, string | number | boolean | string[]]>([
    ['text', z.string(), { type: 'string' }, 'x'],
    ['number', z.number(), { type: 'number' }, 0],
    ['boolean', z.boolean(), { type: 'boolean' }, false],
    ['enum', z.enum(['a', 'b']), { type: 'string', enum: ['a', 'b'] }, 'a'],
    ['named enum', Named, { type: 'string', enum: ['a', 'b'] }, 'a'],
    ['multi-select', z.array(z.enum(['a', 'b'])), { type: 'array' }, ['b']],
  ])('(%s) is asked for as the one field `value`', async (_what, schema, field, value) => {
    const { form, received } = await ask(schema, accept({ value }), mode);
    expect(form).toMatchObject({ type: 'object', properties: { value: field }, required: ['value'] });
    expect(received).toEqual({ action: 'accept', content: value });
  });

  it.each(['decline', 'cancel'] as const)('that the user answers with %s has no content', async (action) => {
    expect((await ask(z.string(), { action }, mode)).received).toEqual({ action });
  });

  it.each<[string, ElicitResult]>([
    ['of the wrong type', accept({ value: 5 })],
    ['under another name', accept({ other: 'x' })],
    ['that is missing', { action: 'accept' }],
  ])('with an answer %s is an error that says so', async (_what, answer) => {
    const { failure, received } = await ask(z.string(), answer, mode);
    expect(failure).toMatch(/^The answer to "Please" does not fit: .+\.$/);
    expect(received).toBeUndefined();
  });
});

describe('a schema that is not flat is refused by the name of the field, and nobody is asked', () => {
  it.each<[string, z.ZodType, string]>([
    [
      'an object in an object',
      z.object({ home: z.object({ zip: z.string() }) }),
      'the field \'home\' of a question is "object"',
    ],
    ['an array of texts', z.object({ names: z.array(z.string()) }), 'the field \'names\' of a question is "array"'],
    ['an array of objects', z.object({ all: z.array(z.object({})) }), 'the field \'all\' of a question is "array"'],
    [
      'an array of numbers to choose from',
      z.object({ all: z.array(z.literal([1, 2])) }),
      "the field 'all' of a question is",
    ],
    ['a record', z.object({ map: z.record(z.string(), z.string()) }), 'the field \'map\' of a question is "object"'],
    ['a union', z.object({ either: z.union([z.string(), z.number()]) }), "the field 'either' of a question is"],
    ['a numeric choice', z.object({ n: z.literal([1, 2]) }), 'the field \'n\' of a question is "number"'],
    ['a nullable field', z.object({ n: z.string().nullable() }), "the field 'n' of a question is"],
    [
      'a union of objects',
      z.union([z.object({ a: z.string() }), z.object({ b: z.string() })]),
      "the field 'value' of a question is",
    ],
    ['no field', z.object({}), 'the schema of a question has no fields'],
  ])('%s', async (_what, schema, sentence) => {
    const { form, log, failure } = await ask(schema, accept({}));
    expect(form).toBeUndefined();
    expect(failure).toMatch(/^question failed\. Reference/);
    expect(log).toMatchObject([
      { code: 'ELICITATION_SCHEMA', message: expect.stringContaining(`question: ${sentence}`) },
    ]);
  });

  it('what JSON cannot express is refused as everywhere', async () => {
    const { form, log } = await ask(z.object({ when: z.date() }), accept({}));
    expect(form).toBeUndefined();
    expect(log).toMatchObject([
      {
        code: 'SCHEMA_UNSUPPORTED',
        message: expect.stringContaining('question: elicitation schema: when is a z.date()'),
      },
    ]);
  });
});
