import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { describeIssues } from '../../../src/base/issues.js';
import { shown } from '../../../src/base/shown.js';

describe('an outside text in a message', () => {
  it('[B1] is quoted whole up to the limit, and with an ellipsis beyond it', () => {
    expect(shown('abcde', 5)).toBe('abcde');
    expect(shown('abcdef', 5)).toBe('abcd…');
    expect(shown('x'.repeat(4_000_000))).toHaveLength(200);
  });

  it('[B1] is not cut within a character', () => {
    expect(shown('abc😀def', 5)).toBe('abc…');
    expect(shown('ab😀def', 5)).toBe('ab😀…');
    expect(shown('\ud83d'.repeat(9), 5)).toBe(`${'\ud83d'.repeat(4)}…`);
  });
});

describe('a description of issues', () => {
  const described = (schema: z.ZodType, value: unknown): string => describeIssues(schema.safeParse(value).error!);

  it('[B1] lists ten of them and the number of the others', () => {
    const text = described(z.array(z.string()), Array(12).fill(1));
    expect(text.split('; ')).toHaveLength(11);
    expect(text).toMatch(/^0: Invalid input[^;]*; 1: .*; 9: [^;]*; and 2 more$/);
    expect(described(z.array(z.string()), Array(10).fill(1))).not.toContain('more');
  });

  it('[B1] is just as brief when keys, paths and messages are long', () => {
    const long = 'x'.repeat(100_000);
    const keys = Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`${n}${long}`, 1]));
    expect(described(z.strictObject({}), keys).length).toBeLessThanOrEqual(200);
    const text = described(z.record(z.string(), z.string({ error: long })), keys);
    expect(text.length).toBeLessThan(2_100);
    expect(text).toMatch(/and 4\d more$/);
    let nested: z.ZodType = z.string();
    let value: unknown = 1;
    for (let depth = 0; depth < 100; depth++) {
      nested = z.object({ [`level ${depth}`]: nested });
      value = { [`level ${depth}`]: value };
    }
    expect(described(nested, value).length).toBeLessThan(410);
  });
});
