import { readFileSync } from 'node:fs';
import base from './jest.config.js';

const fixture = new URL('../test/engine/fixtures/bullmq-oldest/package.json', import.meta.url);
const { dependencies } = JSON.parse(readFileSync(fixture, 'utf8'));

/** The contract of the Redis engine with the oldest BullMQ that the peer range names. `npm test` runs it with the newest. */
export default {
  ...base,
  globals: { expectedBullMq: dependencies.bullmq },
  testMatch: ['<rootDir>/test/engine/redis.test.ts', '<rootDir>/test/engine/bullmq-version.test.ts'],
  moduleNameMapper: {
    ...base.moduleNameMapper,
    '^bullmq(/.*)?$': '<rootDir>/test/engine/fixtures/bullmq-oldest/node_modules/bullmq$1',
  },
};
