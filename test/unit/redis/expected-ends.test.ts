import { beforeEach, describe, expect, it } from '@jest/globals';
import type { ExecutionEnd } from '../../../src/docket/record.js';
import { ExpectedEnds } from '../../../src/redis/expected-ends.js';

const stands = (key: string, state: ExecutionEnd['state'] = 'queued', generation = 1): ExecutionEnd => ({
  key,
  state,
  generation,
  updatedAt: 0,
});

let ends: ExpectedEnds;
beforeEach(() => {
  ends = new ExpectedEnds();
});

/** Adds one, and says whether Redis is asked for its end. */
function add(key: string, component = 'job'): boolean {
  const told = ends.expect(key, component);
  ends.settle(key, stands(key));
  return told;
}

describe('ends that are expected', () => {
  it('are those of components for which somebody has waited', () => {
    expect(add('a')).toBe(false);
    expect(ends.claim('a')).toBeUndefined();
    expect([add('b'), add('c', 'other')]).toEqual([true, false]);
    expect(ends.claim('b')).toEqual(stands('b'));
    expect(ends.claim('b')).toBeUndefined();
  });

  it('may be told before it is known that they were added', () => {
    add('a');
    ends.claim('a');
    ends.expect('b', 'job');
    ends.take(stands('b', 'completed'));
    ends.settle('b', stands('b'));
    expect(ends.claim('b')).toEqual(stands('b', 'completed'));
  });

  it('are not those of an earlier execution under the key', () => {
    add('a');
    ends.claim('a');
    ends.expect('b', 'job');
    ends.take(stands('b', 'completed', 1));
    ends.settle('b', stands('b', 'queued', 2));
    expect(ends.claim('b')).toEqual(stands('b', 'queued', 2));
  });

  it('are forgotten where nothing was added, or something was missed', () => {
    add('a');
    ends.claim('a');
    ends.expect('b', 'job');
    ends.settle('b', undefined);
    expect(ends.claim('b')).toBeUndefined();
    add('c');
    ends.clear();
    expect(ends.claim('c')).toBeUndefined();
  });

  it('are not asked for any more where they were asked for in vain', () => {
    add('a');
    ends.claim('a');
    expect(add('b')).toBe(true);
    for (let index = 0; index < 1_000; index++) add(`other ${index}`, 'other');
    expect(ends.claim('b')).toBeUndefined();
    expect(add('c')).toBe(false);
  });
});
