import { createServer as createHttpServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { ExpressAdapter } from '@bull-board/express';
import { createServer, defineJob, Logger } from '../../src/index.js';
import type { Queue } from 'bullmq';
import { openQueue } from '../../src/redis/index.js';
import { TestDocket } from '../helpers/redis.js';

let docket: TestDocket;
beforeEach(() => {
  docket = new TestDocket();
});
afterEach(() => docket.dispose());

it('Bull Board shows the waiting list of a docket, and nothing of what its executions are given', async () => {
  const job = defineJob({ name: 'wait', run: () => 'done' });
  await using server = disposable(
    createServer({
      name: 'shown',
      version: '1.0.0',
      logger: new Logger(() => undefined),
      components: [job],
      docket: { url: docket.url, name: docket.name, worker: false },
    }),
  );
  const execution = await server.docket.add(job, undefined, { key: 'the key' });
  await using opened = disposable(await openQueue<Queue>({ url: docket.url, name: docket.name }));

  const board = new ExpressAdapter();
  board.setBasePath('/admin');
  createBullBoard({ queues: [new BullMQAdapter(opened.queue, { readOnlyMode: true })], serverAdapter: board });
  const http = createHttpServer(board.getRouter() as RequestListener);
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  try {
    const base = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
    const page = await fetch(`${base}/`);
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('<div id="root">');
    const response = await fetch(`${base}/api/queues?activeQueue=tickets&status=waiting&page=1&jobsPerPage=10`);
    expect(response.status).toBe(200);
    const { queues } = (await response.json()) as { queues: { name: string; jobs: { data: object }[] }[] };
    expect(queues.map(({ name }) => name)).toEqual(['tickets']);
    expect(queues[0]!.jobs.map(({ data }) => data)).toEqual([
      { key: execution.key, ticket: expect.stringMatching(/^\w+$/) },
    ]);
  } finally {
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  }
  await server.docket.cancel(execution.key);
});

function disposable<T extends { close(): Promise<void> }>(closable: T): T & AsyncDisposable {
  return Object.assign(closable, { [Symbol.asyncDispose]: () => closable.close() });
}
