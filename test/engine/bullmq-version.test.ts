import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { bullMqSteps } from '../../src/redis/queue/bullmq-steps.js';

const installed = createRequire(import.meta.url)('bullmq/package.json') as { version: string };
const { peerDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  peerDependencies: { bullmq: string };
};
const oldest = JSON.parse(readFileSync('test/engine/fixtures/bullmq-oldest/package.json', 'utf8')) as {
  dependencies: { bullmq: string };
};

it('the scripts of the installed BullMQ are known by their content', () => {
  expect(Object.keys(bullMqSteps() ?? {})).toEqual(['addJob', 'takeJob', 'finishJob']);
});

it('the oldest BullMQ of the peer range has a run of its own, and this run has the one it is for', () => {
  expect(peerDependencies.bullmq).toBe(`^${oldest.dependencies.bullmq}`);
  const { expectedBullMq } = globalThis as { readonly expectedBullMq?: string };
  if (expectedBullMq === undefined) expect(installed.version).not.toBe(oldest.dependencies.bullmq);
  else expect(installed.version).toBe(expectedBullMq);
});
