import TestSequencer from '@jest/test-sequencer';

/**
 * The files that take longest, the longest first. Where nothing is known of an earlier run, Jest begins with the largest
 * files, and would end with these while the other workers have nothing left to do.
 */
const long = [
  'engine/redis',
  'e2e/retained-memory',
  'package/package',
  'faults/mixed-tasks',
  'faults/bad-calls',
  'e2e/worker-process',
  'e2e/session-leaks',
  'engine/model',
  'engine/redis-failover',
  'package/metadata',
  'samples/worker-fleet',
  'e2e/tasks-command',
  'e2e/cli',
  'engine/redis-bounds',
  'engine/redis-clocks',
  'engine/redis-fleet',
  'engine/redis-connection',
  'engine/redis-schedules',
  'unit/docket/memory-engine',
  'package/examples',
  'e2e/matrix',
  'e2e/nodes',
  'e2e/overlapping-calls',
].map((name) => `/test/${name}.test.ts`);

/** Longest first, also in the first run on a machine. */
export default class LongestFirst extends TestSequencer {
  sort(tests) {
    const sorted = super.sort(tests);
    // Each test has its duration once there was a run.
    if (sorted.some(({ duration }) => duration !== undefined)) return sorted;
    const first = long.flatMap((name) => sorted.filter(({ path }) => path.replaceAll('\\', '/').endsWith(name)));
    return [...first, ...sorted.filter((test) => !first.includes(test))];
  }
}
