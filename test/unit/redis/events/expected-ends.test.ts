import { beforeEach, describe, expect, it } from '@jest/globals';
import type { ExecutionEnd } from '../../../../src/docket/engine/record.js';
import { ExpectedEnds } from '../../../../src/redis/events/expected-ends.js';

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
  const expected = ends.expect(key, component);
  ends.settle(key, expected, stands(key));
  return expected.isReported;
}

describe('ends that are expected', () => {
  it('are those of components for which somebody has waited', () => {
    expect(add('a')).toBe(false);
    expect(ends.handOver('a', 1)).toBeUndefined();
    expect([add('b'), add('c', 'other')]).toEqual([true, false]);
    expect(ends.handOver('b', 1)).toEqual(stands('b'));
    expect(ends.handOver('b', 1)).toBeUndefined();
  });

  it('are looked up once they were reported, also before it is known that they were added', () => {
    add('a');
    ends.handOver('a', 1);
    const expected = ends.expect('b', 'job');
    ends.receive(stands('b', 'completed'));
    ends.settle('b', expected, stands('b'));
    expect(ends.handOver('b', 1)).toBeUndefined();
  });

  it('are not those of another execution under the key', () => {
    add('a');
    ends.handOver('a', 1);
    const expected = ends.expect('b', 'job');
    ends.receive(stands('b', 'completed', 1));
    ends.settle('b', expected, stands('b', 'queued', 2));
    for (const generation of [undefined, 1, 3]) expect(ends.handOver('b', generation)).toBeUndefined();
    expect(ends.handOver('b', 2)).toEqual(stands('b', 'queued', 2));
  });

  it('are looked up where another process has replaced the execution', () => {
    add('a');
    ends.handOver('a', 1);
    expect(add('b')).toBe(true);
    ends.receive(stands('b', 'queued', 2));
    expect(ends.handOver('b', 1)).toBeUndefined();
  });

  it('are kept without what their executions were given', () => {
    add('a');
    ends.handOver('a', 1);
    ends.settle('b', ends.expect('b', 'job'), { ...stands('b'), outcome: { result: 'large' } });
    expect(ends.handOver('b', 1)).toEqual(stands('b'));
  });

  it('are those of the last one that was added under a key, whoever is answered first', () => {
    add('a');
    const first = ends.expect('b', 'job');
    ends.handOver('a', 1);
    const second = ends.expect('b', 'job');
    expect([first.isReported, second.isReported]).toEqual([false, true]);
    ends.settle('b', first, stands('b'));
    expect(ends.handOver('b', 1)).toBeUndefined();
    ends.settle('b', second, undefined);
    expect(ends.isReported('b')).toBe(false);
    ends.settle('b', ends.expect('b', 'job'), stands('b', 'queued', 2));
    ends.settle('b', second, undefined);
    expect(ends.handOver('b', 2)).toEqual(stands('b', 'queued', 2));
  });

  it('are forgotten where nothing was added, or something was missed', () => {
    add('a');
    ends.handOver('a', 1);
    ends.settle('b', ends.expect('b', 'job'), undefined);
    expect(ends.handOver('b', 1)).toBeUndefined();
    add('c');
    ends.clear();
    expect(ends.handOver('c', 1)).toBeUndefined();
  });

  it('are not asked for any more where they were asked for in vain', () => {
    add('a');
    ends.handOver('a', 1);
    expect(add('b')).toBe(true);
    for (let index = 0; index < 1_000; index++) add(`other ${index}`, 'other');
    expect(ends.handOver('b', 1)).toBeUndefined();
    expect(add('c')).toBe(false);
  });
});
