import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { modes } from '../helpers/in-memory.js';

const fixture = fileURLToPath(new URL('fixtures/retained-memory.mjs', import.meta.url));
const calls = 100_000;
const warmUp = 2_000;

/** What 100,000 calls may leave behind, in bytes: 20 for each, less than any object of a call. */
const bound = 20 * calls;

interface Measured {
  readonly runs: number;
  /** Used bytes after the warm-up and after each fifth of the calls. */
  readonly heap: number[];
}

/** Runs the built package in a process of its own, whose heap nothing else uses. */
async function measure(mode: string): Promise<Measured> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', fixture, mode], { timeout: 240_000 });
  return JSON.parse(stdout) as Measured;
}

describe('100,000 calls', () => {
  it.each(modes)(
    'leave nothing in memory in the %s',
    async (mode) => {
      const { runs, heap } = await measure(mode);
      expect(runs).toBe(calls + warmUp);
      expect(heap).toHaveLength(6);
      const [first = 0] = heap;
      const growth = heap.map((used) => used - first);
      expect(growth.at(-1)).toBeLessThan(bound);
      expect(Math.max(...growth)).toBeLessThan(2 * bound);
    },
    // A machine with much else to do takes its time.
    250_000,
  );
});
