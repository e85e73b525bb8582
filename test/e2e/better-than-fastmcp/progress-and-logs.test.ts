import { afterEach, describe, expect, it } from '@jest/globals';
import type { CallToolResult, Task } from '@modelcontextprotocol/sdk/types.js';
import { Context, createServer, defineTool, Logger, Progress, type ErrandServer } from '../../../src/index.js';
import { eventually } from '../../helpers/eventually.js';
import { modes } from '../../helpers/in-memory.js';
import { request, startTask, told, untilStatus } from '../../helpers/raw-calls.js';
import { connectInMemory, type Peer } from '../../helpers/transports.js';

let server: ErrandServer;
/** What `halfway` waits for, and what opens it. */
let gate: Promise<void>;
let goOn: () => void;

const fractions = defineTool({
  name: 'fractions',
  task: 'optional',
  inject: [Context, Progress],
  run: async (_input, ctx, progress) => {
    await progress.setTotal(0.75);
    await progress.increment(0.25);
    await ctx.reportProgress(0.1);
    await ctx.reportProgress(0.5, 0.75, 'nearly there');
    return 'done';
  },
});

const halfway = defineTool({
  name: 'halfway',
  task: 'required',
  inject: [Progress, Context],
  run: async (_input, progress, ctx) => {
    await progress.report(1, 2, 'half of it');
    await gate;
    await ctx.info('nobody may be there');
    await progress.increment();
    return 'all of it';
  },
});

const counts = defineTool({
  name: 'counts',
  task: 'optional',
  inject: [Progress],
  run: async (_input, progress) => {
    for (let step = 0; step < 5; step++) {
      await progress.increment();
      await new Promise((resolve) => setImmediate(resolve));
    }
    return String(progress.current);
  },
});

async function serve(): Promise<Peer> {
  gate = new Promise((resolve) => (goOn = resolve));
  const components = [fractions, halfway, counts];
  server = createServer({ name: 'progress', version: '1.0.0', components, logger: new Logger(() => undefined) });
  return connectInMemory(server);
}

afterEach(() => server.close());

/** Makes a call under a progress token, waits for its end, and gives the task where it was one. */
async function callWith(peer: Peer, mode: (typeof modes)[number], name: string, token: string): Promise<Task | void> {
  const params = { name, _meta: { progressToken: token }, ...(mode === 'background' && { task: {} }) };
  const { task } = (await request(peer.client, 'tools/call', params)) as { task?: Task };
  if (task === undefined) return;
  await request(peer.client, 'tasks/result', { taskId: task.taskId });
  return task;
}

const progressOf = (peer: Peer, token: string): unknown[][] =>
  told(peer, 'notifications/progress')
    .filter(({ params }) => params.progressToken === token)
    .map(({ params: { progress, total, message } }) => [progress, total, message]);

describe.each(modes)('progress in the %s', (mode) => {
  it('keeps fractions and totals below 1, never goes back, and reaches the client [F61]', async () => {
    await using peer = await serve();
    await callWith(peer, mode, 'fractions', 'token');
    const steps = progressOf(peer, 'token').filter(([progress]) => progress !== 0);
    expect(steps).toEqual([
      [0.25, 0.75, undefined],
      [0.5, 0.75, 'nearly there'],
    ]);
  });

  it('of many calls at once stays with its call [F9]', async () => {
    await using peer = await serve();
    const tokens = Array.from({ length: 20 }, (_, index) => `token-${index}`);
    await Promise.all(tokens.map((token) => callWith(peer, mode, 'counts', token)));
    for (const token of tokens) {
      expect(progressOf(peer, token)).toEqual([1, 2, 3, 4, 5].map((progress) => [progress, undefined, undefined]));
    }
  });
});

describe('the message of the progress', () => {
  it('is what tasks/get says while the task runs, and stays when it has ended [F3] [F61]', async () => {
    await using peer = await serve();
    const { taskId } = await startTask(peer.client, 'halfway');
    await eventually(async () =>
      expect(await request(peer.client, 'tasks/get', { taskId })).toMatchObject({ statusMessage: 'half of it' }),
    );
    expect(told(peer, 'notifications/tasks/status').map(({ params }) => params.statusMessage)).toEqual(['half of it']);
    goOn();
    await untilStatus(peer.client, taskId, 'completed');
    expect(await request(peer.client, 'tasks/get', { taskId })).toMatchObject({ statusMessage: 'half of it' });
  });
});

describe('a task whose client is gone', () => {
  it('goes on, though it logs and reports progress to nobody [F62]', async () => {
    let taskId: string;
    {
      await using gone = await serve();
      ({ taskId } = await startTask(gone.client, 'halfway'));
      await eventually(() => expect(told(gone, 'notifications/tasks/status')).toHaveLength(1));
    }
    goOn();
    await using back = await connectInMemory(server);
    const result = (await request(back.client, 'tasks/result', { taskId })) as CallToolResult;
    expect(result.content).toEqual([{ type: 'text', text: 'all of it' }]);
  });
});
