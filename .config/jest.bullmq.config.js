import { readFileSync } from 'node:fs';
import base from './jest.config.js';

const fixture = new URL('../test/engine/fixtures/bullmq-oldest/package.json', import.meta.url);
const { dependencies } = JSON.parse(readFileSync(fixture, 'utf8'));
const { maxWorkers, workerGracefulExitTimeout, testSequencer, testTimeout, ...project } = base;

/**
 * The contract of the Redis engine with other versions of BullMQ than the one that `npm test` runs it with: the oldest that the
 * peer range names, and one that is unknown.
 */
export default {
  rootDir: '..',
  maxWorkers,
  workerGracefulExitTimeout,
  testSequencer,
  testTimeout,
  projects: [
    {
      ...project,
      displayName: 'oldest',
      rootDir: '.',
      globals: { expectedBullMq: dependencies.bullmq },
      testMatch: ['<rootDir>/test/engine/redis.test.ts', '<rootDir>/test/engine/bullmq-version.test.ts'],
      moduleNameMapper: {
        ...project.moduleNameMapper,
        '^bullmq(/.*)?$': '<rootDir>/test/engine/fixtures/bullmq-oldest/node_modules/bullmq$1',
      },
    },
    {
      ...project,
      displayName: 'unknown',
      rootDir: '.',
      testMatch: ['<rootDir>/test/engine/redis-public.bullmq.ts'],
    },
  ],
};
