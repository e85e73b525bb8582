import { afterEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import {
  audio,
  defineTool,
  file,
  image,
  resourceLink,
  text,
  toolResult,
  type DefinedComponent,
} from '../../src/index.js';
import { call, closeOpened, connect, modes, serverOf, textOf } from '../helpers/in-memory.js';

afterEach(closeOpened);

class Money {
  constructor(
    readonly amount: number,
    readonly currency: string,
  ) {}

  toJSON(): string {
    return `${this.amount} ${this.currency}`;
  }
}

class Point {
  readonly x = 1;

  get norm(): number {
    return this.x;
  }
}

const isoDate = z.codec(z.iso.datetime(), z.date(), {
  decode: (given) => new Date(given),
  encode: (date) => date.toISOString(),
});
const day = new Date('2026-11-20T00:00:00Z');
const json = (value: unknown): { type: 'text'; text: string } => ({ type: 'text', text: JSON.stringify(value) });
const returning = (value: unknown, output?: z.ZodType): DefinedComponent =>
  defineTool({ name: 'give', task: 'optional', ...(output && { output }), run: async () => value as never });

/** The result of a tool that returns `value`, in both modes; fails unless they are the same. */
async function resultOf(value: unknown, output?: z.ZodType): Promise<object> {
  const client = await connect(serverOf({ components: [returning(value, output)] }).server);
  const foreground = await call(client, 'foreground', 'give');
  expect(await call(client, 'background', 'give')).toEqual(foreground);
  return foreground;
}

describe('what a method returns, in the foreground and as a task', () => {
  it.each<[string, unknown, object]>([
    ['a string is text', 'hello', { content: [{ type: 'text', text: 'hello' }] }],
    ['an empty string is text', '', { content: [{ type: 'text', text: '' }] }],
    ['undefined is no content', undefined, { content: [] }],
    ['an object is structured', { a: 1 }, { content: [json({ a: 1 })], structuredContent: { a: 1 } }],
    ['an array is wrapped', [1, 2], { content: [json([1, 2])], structuredContent: { result: [1, 2] } }],
    ['an empty array is wrapped', [], { content: [json([])], structuredContent: { result: [] } }],
    ['a number is wrapped', 5, { content: [json(5)], structuredContent: { result: 5 } }],
    ['a boolean is wrapped', false, { content: [json(false)], structuredContent: { result: false } }],
    ['null is wrapped', null, { content: [json(null)], structuredContent: { result: null } }],
    [
      'a Date is its text, wrapped',
      day,
      { content: [{ type: 'text', text: day.toISOString() }], structuredContent: { result: day.toISOString() } },
    ],
    [
      'an instance with toJSON is what that gives',
      { price: new Money(5, 'EUR') },
      { content: [json({ price: '5 EUR' })], structuredContent: { price: '5 EUR' } },
    ],
    ['an instance is its own properties', new Point(), { content: [json({ x: 1 })], structuredContent: { x: 1 } }],
    [
      'what JSON leaves out is left out',
      { a: undefined, b: () => 1, c: Number.NaN },
      { content: [json({ c: null })], structuredContent: { c: null } },
    ],
    [
      'data that looks like content stays data',
      { type: 'text', text: 'x' },
      { content: [json({ type: 'text', text: 'x' })], structuredContent: { type: 'text', text: 'x' } },
    ],
    [
      'an array that looks like content stays data',
      [{ type: 'text', text: 'x' }],
      { content: [json([{ type: 'text', text: 'x' }])], structuredContent: { result: [{ type: 'text', text: 'x' }] } },
    ],
    [
      'data that looks like a result stays data',
      { content: [], isError: true },
      { content: [json({ content: [], isError: true })], structuredContent: { content: [], isError: true } },
    ],
    ['text() is content', text('x'), { content: [{ type: 'text', text: 'x' }] }],
    [
      'annotations stay with it',
      text('x', { audience: ['user'], priority: 0.5, lastModified: '2026-11-20T00:00:00Z' }),
      {
        content: [
          {
            type: 'text',
            text: 'x',
            annotations: { audience: ['user'], priority: 0.5, lastModified: '2026-11-20T00:00:00Z' },
          },
        ],
      },
    ],
    [
      'image() takes bytes',
      image(new Uint8Array([1, 2, 3]), 'image/png'),
      { content: [{ type: 'image', data: 'AQID', mimeType: 'image/png' }] },
    ],
    [
      'image() takes a part of a buffer',
      image(new Uint8Array([9, 1, 2, 3, 9]).subarray(1, 4), 'image/png'),
      { content: [{ type: 'image', data: 'AQID', mimeType: 'image/png' }] },
    ],
    [
      'audio() takes base64',
      audio('AQID', 'audio/wav'),
      { content: [{ type: 'audio', data: 'AQID', mimeType: 'audio/wav' }] },
    ],
    [
      'file() with text',
      file('file:///a.txt', 'hello', 'text/plain'),
      { content: [{ type: 'resource', resource: { uri: 'file:///a.txt', mimeType: 'text/plain', text: 'hello' } }] },
    ],
    [
      'file() with bytes',
      file('file:///a.bin', new Uint8Array([1])),
      { content: [{ type: 'resource', resource: { uri: 'file:///a.bin', blob: 'AQ==' } }] },
    ],
    [
      'resourceLink()',
      resourceLink({ uri: 'file:///a', name: 'a', description: 'The a' }),
      { content: [{ type: 'resource_link', uri: 'file:///a', name: 'a', description: 'The a' }] },
    ],
    [
      'an array of content',
      [text('x'), image('AQID', 'image/png')],
      {
        content: [
          { type: 'text', text: 'x' },
          { type: 'image', data: 'AQID', mimeType: 'image/png' },
        ],
      },
    ],
    [
      'toolResult() with everything',
      toolResult({
        content: [text('x')],
        structuredContent: { a: 1 },
        isError: true,
        _meta: { 'example.com/k': { v: 1 } },
      }),
      {
        content: [{ type: 'text', text: 'x' }],
        structuredContent: { a: 1 },
        isError: true,
        _meta: { 'example.com/k': { v: 1 } },
      },
    ],
    ['toolResult() with nothing', toolResult({}), { content: [] }],
    [
      'toolResult() with a Date in it',
      toolResult({ structuredContent: { day } }),
      { content: [], structuredContent: { day: day.toISOString() } },
    ],
  ])('%s', async (_what, value, result) => {
    expect(await resultOf(value)).toEqual(result);
  });
});

describe('with a declared output', () => {
  it.each<[string, z.ZodType, unknown, object]>([
    ['an object', z.object({ a: z.number() }), { a: 1 }, { content: [json({ a: 1 })], structuredContent: { a: 1 } }],
    [
      'what is not declared stays behind',
      z.object({ a: z.number() }),
      { a: 1, b: 2 },
      { content: [json({ a: 1 })], structuredContent: { a: 1 } },
    ],
    ['an array is wrapped', z.array(z.number()), [1], { content: [json([1])], structuredContent: { result: [1] } }],
    [
      'a string is wrapped, its text is not',
      z.string(),
      'x',
      { content: [{ type: 'text', text: 'x' }], structuredContent: { result: 'x' } },
    ],
    [
      'null',
      z.object({ a: z.number() }).nullable(),
      null,
      { content: [json(null)], structuredContent: { result: null } },
    ],
    [
      'a codec is encoded',
      z.object({ day: isoDate }),
      { day },
      { content: [json({ day: day.toISOString() })], structuredContent: { day: day.toISOString() } },
    ],
    [
      'a union of objects is an object itself',
      z.union([z.object({ a: z.number() }), z.object({ b: z.number() })]),
      { b: 1 },
      { content: [json({ b: 1 })], structuredContent: { b: 1 } },
    ],
    [
      'a whole result is checked and encoded',
      z.object({ day: isoDate }),
      toolResult({ content: [text('x')], structuredContent: { day } }),
      { content: [{ type: 'text', text: 'x' }], structuredContent: { day: day.toISOString() } },
    ],
    [
      'a whole result of something wrapped',
      z.array(z.number()),
      toolResult({ structuredContent: { result: [1] } }),
      { content: [], structuredContent: { result: [1] } },
    ],
    [
      'an unsuccessful result need not fit',
      z.object({ a: z.number() }),
      toolResult({ content: [text('no')], isError: true }),
      { content: [{ type: 'text', text: 'no' }], isError: true },
    ],
  ])('%s', async (_what, output, value, result) => {
    expect(await resultOf(value, output)).toEqual(result);
  });

  it('the schema that tools/list shows fits what the stock client then checks', async () => {
    const output = z.union([z.object({ a: z.number() }), z.object({ b: z.string() })]);
    const client = await connect(serverOf({ components: [returning({ b: 'x' }, output)] }).server);
    expect((await client.listTools()).tools[0]?.outputSchema).toMatchObject({ type: 'object' });
    expect(await client.callTool({ name: 'give' })).toMatchObject({ structuredContent: { b: 'x' } });
  });
});

const circle: Record<string, unknown> = {};
circle.self = circle;
const one = z.object({ a: z.number() });

describe.each(modes)('in the %s, what does not fit is masked and found in the log by its reference', (mode) => {
  it.each<[string, unknown, z.ZodType | undefined, string, string]>([
    ['a circle', circle, undefined, 'RESULT_NOT_JSON', 'The return value of give cannot be written as JSON'],
    ['a bigint', { a: 1n }, undefined, 'RESULT_NOT_JSON', 'The return value of give cannot be written as JSON'],
    ['a function', () => 1, undefined, 'RESULT_NOT_JSON', 'The return value of give is a function'],
    ['a symbol', Symbol('x'), undefined, 'RESULT_NOT_JSON', 'The return value of give is a symbol'],
    [
      'a bigint in toolResult',
      toolResult({ structuredContent: { a: 1n } }),
      undefined,
      'RESULT_NOT_JSON',
      'The return value of give',
    ],
    ['a circle in _meta', toolResult({ _meta: circle }), undefined, 'RESULT_NOT_JSON', 'The return value of give'],
    ['content and data mixed', [text('x'), 5], undefined, 'OUTPUT_INVALID', 'whose element 1 is a number'],
    ['a value that is not as declared', { a: 'x' }, one, 'OUTPUT_INVALID', 'give: output: a: '],
    ['nothing where something is declared', undefined, one, 'OUTPUT_INVALID', 'give: output: '],
    ['nothing where something may be missing', undefined, one.optional(), 'OUTPUT_INVALID', 'give: output: '],
    ['content alone', text('x'), one, 'OUTPUT_INVALID', 'the method returned content alone'],
    ['content alone, in an array', [text('x')], one, 'OUTPUT_INVALID', 'the method returned content alone'],
    ['a whole result without structured content', toolResult({}), one, 'OUTPUT_INVALID', 'structuredContent: '],
    [
      'a whole result that is not as declared',
      toolResult({ structuredContent: { a: '' } }),
      one,
      'OUTPUT_INVALID',
      'structuredContent: a: ',
    ],
  ])('%s', async (_what, value, output, code, message) => {
    const { server, log } = serverOf({ components: [returning(value, output)] });
    const result = await call(await connect(server), mode, 'give');
    expect(result).toEqual({ isError: true, content: [expect.objectContaining({ type: 'text' })] });
    const reference = /^give failed\. Reference ([\w-]{36})\.$/.exec(textOf(result) ?? '')?.[1];
    const errors = log.filter(({ level }) => level === 'error');
    expect(errors).toEqual([
      {
        level: 'error',
        message: 'A tool call failed',
        fields: expect.objectContaining({ tool: 'give', reference, error: expect.objectContaining({ code }) }),
      },
    ]);
    expect((errors[0]?.fields.error as Error).message).toContain(message);
  });
});
