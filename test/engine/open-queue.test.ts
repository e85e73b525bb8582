import { afterEach, describe, expect, it } from '@jest/globals';
import type { Queue } from 'bullmq';
import { openQueue } from '../../src/redis/index.js';
import { TestDocket } from '../helpers/redis.js';
import { anExecution } from './contract/stage.js';

let docket: TestDocket;
afterEach(() => docket.dispose());

describe('the queue of a docket', () => {
  it('shows a job for each execution that waits, and nothing that was said', async () => {
    docket = new TestDocket();
    const { url, name } = docket;
    const engine = docket.engine();
    await engine.start();
    await engine.add({ ...anExecution('report'), input: { password: 'secret' } });
    await engine.add({ ...anExecution('later'), runAt: Date.now() + 60_000 });
    const { queue, close } = await openQueue<Queue>({ url, name });
    const [job, ...others] = await queue.getJobs(['waiting']);
    expect(job?.data).toEqual({ key: 'report', ticket: expect.stringMatching(/^\d+$/) });
    expect(others).toEqual([]);
    for (const key of ['report', 'later']) await engine.cancel(key);
    await close();
  });
});
