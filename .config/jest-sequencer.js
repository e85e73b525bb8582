import TestSequencer from '@jest/test-sequencer';

/**
 * The files that take longest, the longest first. Where nothing is known of an earlier run, Jest begins with the largest
 * files, and would end with these while the other workers have nothing left to do.
 */
const long = [
  'e2e/retained-memory',
  'engine/redis',
  'package/package',
  'e2e/worker-process',
  'faults/mixed-tasks',
  'faults/bad-calls',
  'types/types',
  'e2e/matrix',
  'engine/redis-failover',
  'package/metadata',
  'e2e/cli',
  'e2e/tasks-command',
  'e2e/session-leaks',
  'e2e/nodes',
  'samples/worker-fleet',
  'engine/redis-outages',
  'engine/model',
  'e2e/stateless',
  'e2e/task-machine',
  'engine/sealed',
  'package/examples',
  'e2e/redis-away',
  'engine/redis-bounds',
  'unit/docket/memory/memory-engine',
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
