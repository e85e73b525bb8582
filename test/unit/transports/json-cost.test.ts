import { describe, expect, it } from '@jest/globals';
import { refusalOfJson } from '../../../src/transports/json-cost.js';

const refusal = (text: string): string | undefined =>
  refusalOfJson({ text: Buffer.from(text), what: 'body', largest: 4 * 1024 * 1024 });
/** Long enough to be checked. */
const padded = (text: string): string => `${' '.repeat(70_000)}${text}`;
const list = (each: string, count: number): string => `[${`${each},`.repeat(count)}0]`;
const rows = (count: number): string =>
  JSON.stringify(Array.from({ length: count }, (_, id) => ({ id, name: `person ${id}`, value: id / 7, ok: true })));

describe('a body that would need far more memory than its size', () => {
  it.each([
    ['empty objects', list('{}', 1_000_000)],
    ['empty arrays', list('[]', 1_000_000)],
    ['numbers', list('1', 2_000_000)],
    ['keys that are all different', `{${Array.from({ length: 200_000 }, (_, n) => `"${n}":1`).join(',')}}`],
    ['short strings', list('"abc"', 500_000)],
    ['levels', padded('['.repeat(257))],
    ['levels of a short text', '['.repeat(257)],
    ['levels of objects', '{"a":'.repeat(100_000)],
  ])('[B1] is refused: %s', (_name, text) => expect(refusal(text)).toMatch(/^The body/));

  it.each([
    ['a short one', list('{}', 10_000)],
    ['rows of a table', rows(60_000)],
    ['a series of numbers', list('12345.678', 400_000)],
    ['a long text', JSON.stringify({ text: '{}[],:"\\'.repeat(300_000) })],
    ['brackets in a text', JSON.stringify('['.repeat(4_000_000))],
    ['a text that ends with a backslash', padded(`["\\\\",${'['.repeat(200)}`)],
    ['an open string', padded(`"${'['.repeat(1_000)}`)],
    ['levels', padded('['.repeat(256))],
    ['closed levels', padded('[]'.repeat(1_000))],
  ])('[B1] is accepted: %s', (_name, text) => expect(refusal(text)).toBeUndefined());
});
