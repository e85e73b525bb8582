import { describe, expect, it } from '@jest/globals';
import { TestDocket } from '../helpers/redis.js';
import { engineContract } from './contract.js';

// An untested version of BullMQ, whose own scripts are not run within ours.
engineContract('redis with an untested BullMQ,', () => {
  const docket = new TestDocket();
  return { engine: docket.engine({ bullmq: undefined }), dispose: () => docket.dispose() };
});

describe('the scripts of BullMQ', () => {
  it('are named in one warning per engine if they are not known', async () => {
    const docket = new TestDocket();
    const warnings: string[] = [];
    const engine = docket.engine({ bullmq: undefined, onWarning: (warning) => warnings.push(warning) });
    await engine.start();
    await engine.stats();
    await docket.dispose();
    expect(warnings).toEqual([expect.stringMatching(/^BullMQ \d+\.\d+\.\d+ is not among the versions tested/)]);
  });
});
