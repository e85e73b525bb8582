import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { bullMqSteps } from '../../src/redis/queue/bullmq-steps.js';
import { TestDocket } from '../helpers/redis.js';
import { anExecution, TestWorker } from './contract/stage.js';

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

describe('a BullMQ whose scripts are not known', () => {
  it('is named in one warning per engine', async () => {
    const docket = new TestDocket();
    const warnings: string[] = [];
    const engine = docket.engine({ bullmq: undefined, onWarning: (warning) => warnings.push(warning) });
    await engine.start();
    await engine.stats();
    await docket.dispose();
    expect(warnings).toEqual([expect.stringMatching(/^BullMQ \d+\.\d+\.\d+ is not among the versions tested/)]);
  });

  it('serves through its public interface', async () => {
    const docket = new TestDocket();
    const engine = docket.engine({ bullmq: undefined });
    await engine.start();
    const worker = new TestWorker(engine, 1);
    for (const key of ['a', 'b']) await engine.add(anExecution(key));
    for (const result of ['first', 'second']) expect(await worker.finish(await worker.next(), result)).toBe(true);
    await worker.stop();
    await docket.dispose();
  });
});
