import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { ElicitRequest, ElicitResult } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import {
  ask,
  Context,
  createServer,
  CurrentDocket,
  defineJob,
  defineTool,
  ErrandError,
  Logger,
  tool,
  type ErrandServer,
  type ServerOptions,
} from '../../src/index.js';
import { root, runNode } from '../helpers/child.js';
import { serverWithClock } from '../helpers/clocked-server.js';
import { eventually } from '../helpers/eventually.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { HttpSpy } from '../helpers/http-spy.js';
import { call, closedAfterwards, closeOpened, connect, modes, textOf } from '../helpers/in-memory.js';
import { request, startTask, untilStatus, untilTold } from '../helpers/raw-calls.js';
import { connectHttp, connectInMemory } from '../helpers/transports.js';

afterEach(closeOpened);

const minute = 60_000;
const never = (): Promise<never> => new Promise(() => undefined);
const codeOf = (error: unknown): string => (ErrandError.is(error) ? error.code : String(error));

function serve(options: Partial<ServerOptions>): { server: ErrandServer; log: string[] } {
  const log: string[] = [];
  const logger = new Logger((_level, message) => log.push(message));
  const server = createServer({ name: 'bounded', version: '1.0.0', grace: 60, logger, components: [], ...options });
  return { server: closedAfterwards(server), log };
}

describe.each(modes)('in the %s', (mode) => {
  it('a disposer that never settles holds the answer back for the grace only', async () => {
    class Stuck {}
    const stuck = { provide: Stuck, useFactory: () => new Stuck(), lifetime: 'call' as const, dispose: never };
    const use = defineTool({ name: 'use', task: 'optional', inject: [Stuck], run: () => 'used' });
    const { server, log } = serve({ components: [use], providers: [stuck] });
    expect(textOf(await call(await connect(server), mode, 'use'))).toBe('used');
    expect(log).toContain('Disposal did not end within its grace and is left alone');
  });

  it('a call that is over closes the prompts that nobody answered', async () => {
    class Asking {
      @tool({ task: 'optional' })
      both(@ask('One?', z.boolean()) _one: boolean, @ask('Two?', z.boolean()) _two: boolean) {
        return 'never';
      }
    }
    const { server } = serve({ components: [Asking] });
    const closed: string[] = [];
    const answer = ({ message }: { message: string }, signal: AbortSignal): ElicitResult | Promise<ElicitResult> => {
      if (message === 'One?') return { action: 'decline' };
      return new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          closed.push(message);
          resolve({ action: 'cancel' });
        });
      });
    };
    await using peer = await connectInMemory(server, { answer });
    expect(textOf(await call(peer.client, mode, 'both'))).toContain('declin');
    await eventually(() => expect(closed).toEqual(['Two?']));
  });
});

it('close() waits no longer than the grace for calls that do not stop, and tells those who wait for results', async () => {
  const ignore = defineTool({ name: 'ignore', task: 'optional', run: never });
  const endless = defineJob({ name: 'endless', run: never });
  const clock = new FakeClock();
  const options = { name: 'bounded', version: '1.0.0', logger: new Logger(() => undefined) };
  const server = closedAfterwards(serverWithClock({ ...options, components: [ignore, endless], grace: minute }, clock));
  const client = await connect(server);
  request(client, 'tools/call', { name: 'ignore' }).catch(() => undefined);
  await startTask(client, 'ignore');
  const waiting = (await server.docket.add(endless)).result().catch(codeOf);
  let closed = false;
  const closing = server.close().then(() => (closed = true));
  await clock.advance(minute - 1);
  expect(closed).toBe(false);
  await clock.advance(1);
  await closing;
  expect(await waiting).toBe('DOCKET_UNAVAILABLE');
});

it('a call that waits for another execution gives its slot to it', async () => {
  const leaf = defineJob({ name: 'leaf', output: z.number(), run: () => 7 });
  const parent = defineTool({
    name: 'parent',
    task: 'required',
    inject: [CurrentDocket],
    run: async (_input, docket) => `leaf gave ${await (await docket.add(leaf)).result()}`,
  });
  const { server } = serve({ components: [leaf, parent], docket: { concurrency: 1 } });
  expect(textOf(await call(await connect(server), 'background', 'parent'))).toBe('leaf gave 7');
});

it('a call that is cancelled while its slot is taken does not go on with the answer [F27]', async () => {
  const went: string[] = [];
  let free = (): void => undefined;
  const asks = defineTool({
    name: 'asks',
    task: 'required',
    inject: [Context],
    run: async (_input, ctx) => {
      const answer = await ctx.elicit('Delete?', z.boolean()).catch(codeOf);
      went.push(typeof answer === 'string' ? answer : 'deleted');
    },
  });
  const busy = defineTool({
    name: 'busy',
    task: 'required',
    run: () => new Promise<void>((resolve) => (free = resolve)),
  });
  const { server } = serve({ components: [asks, busy], docket: { concurrency: 1 } });
  let answer: ((result: ElicitResult) => void) | undefined;
  const client = await connect(server, {
    answer: (_question: ElicitRequest) => new Promise<ElicitResult>((resolve) => (answer = resolve)),
  });
  const { taskId } = await startTask(client, 'asks');
  await eventually(() => expect(answer).toBeDefined());
  await startTask(client, 'busy');
  answer?.({ action: 'accept', content: { value: true } });
  await untilStatus(client, taskId, 'working');
  await request(client, 'tasks/cancel', { taskId });
  await eventually(() => expect(went).toEqual(['CALL_CANCELLED']));
  free();
});

it('a foreground call whose stream is dropped while it asks goes on, and takes the answer that comes by itself [A1]', async () => {
  const ended: unknown[] = [];
  const asks = defineTool({
    name: 'asks',
    inject: [Context],
    run: async (_input, ctx) => void ended.push(await ctx.elicit('Here?', z.boolean()).catch(codeOf)),
  });
  const { server } = serve({ components: [asks] });
  let answer: ((result: ElicitResult) => void) | undefined;
  const spy = new HttpSpy();
  await using peer = await connectHttp((await server.listen()).url, {
    fetch: spy.fetch,
    answer: () => new Promise((resolve) => (answer = resolve)),
  });
  request(peer.client, 'tools/call', { name: 'asks' }).catch(() => undefined);
  await untilTold(peer, 'elicitation/create', 1);
  spy.of('tools/call')[0]?.drop();
  // The server has heard of it once it answers what comes after it.
  await request(peer.client, 'ping');
  expect(ended).toEqual([]);
  answer?.({ action: 'accept', content: { value: true } });
  await eventually(() => expect(ended).toEqual([{ action: 'accept', content: true }]));
});

it('a process with nothing else to do stays alive for the result that it waits for', async () => {
  const folder = join(root, '.cache', 'waits');
  await mkdir(folder, { recursive: true });
  await writeFile(
    join(folder, 'wait.mjs'),
    `import { createServer, defineJob } from 'errand';
     const later = defineJob({ name: 'later', run: () => 'made' });
     const server = createServer({ name: 'waits', version: '1.0.0', components: [later] });
     const execution = await server.docket.add(later, undefined, { when: '200ms' });
     console.log(await execution.result());
     await server.close();`,
  );
  expect(await runNode([join(folder, 'wait.mjs')])).toEqual({ code: 0, stdout: 'made\n', stderr: '' });
  await rm(folder, { recursive: true });
});
