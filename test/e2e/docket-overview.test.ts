import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CurrentDocket, createServer, defineJob, defineTool, Logger, type ErrandServer } from '../../src/index.js';
import { connect } from '../../src/client/connect.js';
import { eventually } from '../helpers/eventually.js';
import { rejection } from '../helpers/raw-calls.js';

let broken: boolean;
let server: ErrandServer;

const fragile = defineJob({
  name: 'fragile',
  run: () => {
    if (broken) throw new Error('no disk');
    return 'mended';
  },
});
const fails = defineTool({
  name: 'fails',
  task: 'required',
  run: () => {
    throw new Error('never mended');
  },
});
const looks = defineTool({
  name: 'looks',
  inject: [CurrentDocket],
  run: async (_input, docket) => (await docket.list()).executions.map(({ key, isTask }) => ({ key, isTask })),
});

beforeEach(() => {
  broken = true;
  server = createServer({
    name: 'overview',
    version: '3.2.1',
    components: [fragile, fails, looks],
    logger: new Logger(() => undefined),
  });
});

afterEach(() => server.close());

const stateOf = async (key: string): Promise<string | undefined> => (await server.docket.get(key))?.state();

describe('the docket as a whole', () => {
  it('lists executions page by page, with times as dates and nothing that was said in them', async () => {
    for (const key of ['a', 'b', 'c']) await server.docket.add(fragile, undefined, { key, when: '1h' });
    const first = await server.docket.list({ limit: 2, state: 'scheduled' });
    expect(first.executions.map(({ key }) => key)).toEqual(['c', 'b']);
    const second = await server.docket.list({ limit: 2, state: 'scheduled', cursor: first.nextCursor! });
    expect(second).toEqual({
      executions: [
        {
          key: 'a',
          component: 'fragile',
          state: 'scheduled',
          isTask: false,
          failedForClient: false,
          principal: 'anonymous',
          attempt: 0,
          redelivered: false,
          openQuestions: 0,
          createdAt: expect.any(Date),
          updatedAt: expect.any(Date),
          runAt: expect.any(Date),
        },
      ],
    });
    const { createdAt, runAt } = second.executions[0]!;
    expect(runAt!.getTime() - createdAt.getTime()).toBeGreaterThanOrEqual(3_599_000);
    expect(await server.docket.list({ component: 'fails' })).toEqual({ executions: [] });
  });

  it('is seen from a tool as well, tasks of all clients included', async () => {
    await server.docket.add(fragile, undefined, { key: 'a', when: '1h' });
    const client = await connect(server);
    const task = await client.callTool('fails', {}, { task: true });
    const { structuredContent } = await client.callTool('looks');
    expect(structuredContent).toEqual({
      result: [
        { key: task.taskId, isTask: true },
        { key: 'a', isTask: false },
      ],
    });
    await client.close();
  });

  it('refuses options that mean nothing', async () => {
    for (const limit of [0, 1.5, 1_001, '5' as unknown as number]) {
      expect(await rejection(server.docket.list({ limit }))).toMatchObject({ code: 'OPTIONS_INVALID' });
    }
    expect(await rejection(server.docket.list({ state: 'dead' as 'failed' }))).toMatchObject({
      code: 'OPTIONS_INVALID',
      message: expect.stringContaining('"dead". Give one of scheduled, queued'),
    });
    expect(await rejection(server.docket.list({ state: 'queued', failed: true }))).toMatchObject({
      code: 'OPTIONS_INVALID',
    });
    expect(await rejection(server.docket.list({ cursor: 'x' }))).toMatchObject({ code: 'CURSOR_INVALID' });
  });

  it('[D8] names the embedded worker as docket.workerName says', async () => {
    const docket = { workerName: 'night shift' };
    const named = createServer({
      name: 'x',
      version: '1',
      components: [fragile],
      docket,
      logger: new Logger(() => undefined),
    });
    expect(await named.docket.workers()).toMatchObject([{ name: 'night shift' }]);
    const byHand = await named.startWorker({ name: 'by hand' });
    expect(byHand.name).toBe('by hand');
    await named.close();
  });

  it('tells how much there is, and who works on it', async () => {
    await server.docket.add(fragile, undefined, { key: 'a', when: '1h' });
    await expect((await server.docket.add(fragile)).result()).rejects.toMatchObject({ code: 'EXECUTION_FAILED' });
    expect(await server.docket.stats()).toEqual({
      states: { scheduled: 1, queued: 0, running: 0, completed: 0, failed: 1, cancelled: 0 },
      openQuestions: 0,
      workers: 1,
    });
    expect(await server.docket.workers()).toEqual([
      {
        id: expect.any(String),
        name: expect.stringContaining(String(process.pid)),
        version: '3.2.1',
        components: ['fragile', 'fails'],
        host: expect.any(String),
        pid: process.pid,
        concurrency: 10,
        startedAt: expect.any(Date),
        running: 0,
        waiting: 0,
      },
    ]);
  });

  it('runs what failed again', async () => {
    const failed = await server.docket.add(fragile, undefined, { key: 'a' });
    await expect(failed.result()).rejects.toMatchObject({ code: 'EXECUTION_FAILED' });
    broken = false;
    const again = await server.docket.retry('a');
    expect(again.key).toBe('a');
    expect(await again.result()).toBe('mended');
    expect(await rejection(failed.state())).toMatchObject({ code: 'EXECUTION_REPLACED' });
    expect(await rejection(server.docket.retry('a'))).toMatchObject({
      code: 'RETRY_REFUSED',
      message: "Execution 'a' is completed. Only a failed one can be run again.",
    });
    expect(await rejection(server.docket.retry('nobody'))).toMatchObject({ code: 'EXECUTION_UNKNOWN' });
  });

  it('does not bring a task back to life that its client saw fail', async () => {
    const client = await connect(server);
    const { taskId } = await client.callTool('fails', {}, { task: true });
    await eventually(async () => expect(await stateOf(taskId)).toBe('completed'));
    expect(await rejection(server.docket.retry(taskId))).toMatchObject({
      code: 'RETRY_REFUSED',
      message: expect.stringContaining('is a task: to the client that asked for it'),
    });
    await client.close();
  });
});
