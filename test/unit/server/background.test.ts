import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it, jest } from '@jest/globals';
import { createServer, defineJob, Logger } from '../../../src/index.js';
import { eventually } from '../../helpers/eventually.js';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

it('a worker that was stopped leaves nothing behind, however many there were', async () => {
  const job = defineJob({ name: 'job', run: () => 1 });
  const logger = new Logger(() => undefined);
  const server = createServer({ name: 'x', version: '1', components: [job], docket: { worker: false }, logger });
  const original = globalThis.setInterval;
  const timers: WeakRef<object>[] = [];
  const noting = jest.spyOn(globalThis, 'setInterval').mockImplementation(((run: () => void, ms: number) => {
    const timer = original(run, ms);
    timers.push(new WeakRef(timer));
    return timer;
  }) as typeof setInterval);
  try {
    for (let round = 0; round < 3; round++) await (await server.startWorker()).stop();
  } finally {
    noting.mockRestore();
  }
  expect(timers).toHaveLength(3);
  await eventually(() => {
    gc();
    expect(timers.filter((timer) => timer.deref() !== undefined)).toEqual([]);
  });
  await server.close();
});
