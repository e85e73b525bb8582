import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { root, runNode } from '../helpers/child.js';

it('a task on Redis with one progress report parses or writes JSON at most twenty times', async () => {
  const { code, stdout, stderr } = await runNode([
    join(root, 'node_modules/jiti/lib/jiti-cli.mjs'),
    join(root, 'test/bench/touched.ts'),
  ]);
  expect([code, stderr]).toEqual([0, '']);
  const [, operations] = /^a task on Redis.* (\d+) JSON operations of ours$/m.exec(stdout) ?? [];
  expect(Number(operations)).toBeGreaterThan(0);
  expect(Number(operations)).toBeLessThanOrEqual(20);
});
