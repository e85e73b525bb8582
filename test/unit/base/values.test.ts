import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { disposeAll } from '../../../src/base/disposal.js';
import { toMilliseconds } from '../../../src/base/duration.js';
import { throughJson } from '../../../src/base/json.js';
import { refusalOf } from '../../helpers/thrown.js';

describe('toMilliseconds', () => {
  it.each<[unknown, number]>([
    [0, 0],
    [1.5, 1.5],
    ['250ms', 250],
    ['0s', 0],
    ['30s', 30_000],
    ['1.5m', 90_000],
    ['1h', 3_600_000],
    ['7d', 604_800_000],
  ])('takes %p', (duration, milliseconds) => {
    expect(toMilliseconds(duration, 'timeout')).toBe(milliseconds);
  });

  it.each([
    -1,
    Number.NaN,
    Infinity,
    -Infinity,
    '',
    '5',
    '-5s',
    '5 s',
    '5w',
    '1h30m',
    'soon',
    null,
    undefined,
    {},
    [],
    true,
    5n,
    Symbol('x'),
    Object.create(null),
  ])('refuses %p, naming the option', (duration) => {
    const { code, message } = refusalOf(() => toMilliseconds(duration, 'timeout'));
    expect(code).toBe('OPTIONS_INVALID');
    expect(message).toMatch(
      /^timeout is .+\. Give milliseconds \(a number of at least 0\) or a string such as '30s' or '1h'\.$/,
    );
  });
});

describe('throughJson', () => {
  it('returns what JSON.parse finds at the other end', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(throughJson(value, 'x')).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('returns a copy, so that a stored value does not change later', () => {
    const given = { list: [1] };
    const stored = throughJson(given, 'x');
    given.list.push(2);
    expect(stored).toEqual({ list: [1] });
  });

  it('accepts dates, values with a toJSON, and data that only looks lossy', () => {
    class Tags extends Set<string> {
      toJSON(): string[] {
        return [...this];
      }
    }
    const when = new Date(0);
    const looksLossy = { type: 'Buffer', '0': {}, text: '{}' };
    expect(throughJson({ when, tags: new Tags(['a']), looksLossy }, 'x')).toEqual({
      when: when.toISOString(),
      tags: ['a'],
      looksLossy,
    });
  });

  it('keeps undefined', () => {
    expect(throughJson(undefined, 'x')).toBeUndefined();
  });

  it.each<[string, unknown, RegExp]>([
    ['a bigint', 1n, /^x cannot be written as JSON: .+BigInt\.$/],
    ['a function', () => 1, /^x is a function, which cannot be written as JSON\.$/],
    ['a symbol', Symbol('y'), /^x is a symbol, which cannot be written as JSON\.$/],
    [
      'an object whose toJSON returns nothing',
      { toJSON: () => undefined },
      /^x is an object, which cannot be written as JSON\.$/,
    ],
    [
      'an object whose toJSON throws',
      {
        toJSON: () => {
          throw new Error('no');
        },
      },
      /^x cannot be written as JSON: no\.$/,
    ],
    ['a map', new Map([[1, 2]]), /^x is a Map, which JSON cannot hold\. .+ Object\.fromEntries\(map\)\.$/],
    [
      'a nested set',
      [{ a: { tags: new Set([1]) } }],
      /^x has a Set at 'tags', which JSON cannot hold\. .+ \[\.\.\.set\]\.$/,
    ],
    [
      'a buffer',
      { bytes: Buffer.from('a') },
      /^x has bytes \(Buffer\) at 'bytes', .+ file\(\) for bytes, and an array for numbers\.$/,
    ],
    ['a typed array', [new Float64Array([1])], /^x has bytes \(Float64Array\) at '0', /],
    ['an ArrayBuffer', { a: new ArrayBuffer(1) }, /^x has bytes \(ArrayBuffer\) at 'a', /],
    ['a promise', { users: Promise.resolve([]) }, /^x has a promise at 'users', .+ Await it\.$/],
  ])('refuses %s', (_what, value, sentence) => {
    const { code, message } = refusalOf(() => throughJson(value, 'x'));
    expect(code).toBe('RESULT_NOT_JSON');
    expect(message).toMatch(sentence);
  });
});

describe('disposeAll', () => {
  it('goes from newest to oldest, one at a time', async () => {
    const order: string[] = [];
    const disposer = (name: string) => async () => {
      order.push(`${name} begins`);
      await Promise.resolve();
      order.push(`${name} ends`);
    };
    await disposeAll([disposer('a'), disposer('b')]);
    expect(order).toEqual(['b begins', 'b ends', 'a begins', 'a ends']);
  });

  it('runs them all even when some throw, and keeps the errors in the order in which they occurred', async () => {
    const order: string[] = [];
    const failing = (name: string) => () => {
      order.push(name);
      throw new Error(name);
    };
    const rejecting = (name: string) => async () => {
      order.push(name);
      await Promise.reject(new Error(name));
    };
    const disposed = disposeAll([failing('a'), () => order.push('b'), rejecting('c')]);
    const error: unknown = await disposed.catch((thrown: unknown) => thrown);
    expect(order).toEqual(['c', 'b', 'a']);
    expect(error).toBeInstanceOf(AggregateError);
    expect((error as AggregateError).errors.map((each) => (each as Error).message)).toEqual(['c', 'a']);
    expect((error as AggregateError).message).toBe('2 of 3 disposers failed');
  });
});
