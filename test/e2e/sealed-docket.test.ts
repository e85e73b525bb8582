import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import {
  Context,
  createServer,
  CurrentAccessToken,
  defineJob,
  defineTool,
  Logger,
  Progress,
  type ErrandServer,
} from '../../src/index.js';
import { eventually } from '../helpers/eventually.js';
import { connectAs } from '../helpers/principals.js';
import { rejection, startTask } from '../helpers/raw-calls.js';
import { TestDocket } from '../helpers/redis.js';
import { startRedis, type RedisServer } from '../helpers/redis-server.js';

const key = (): string => randomBytes(32).toString('base64');

/** What must be read nowhere. The helper makes the token of it. */
const secrets = {
  input: 'whisper-input',
  question: 'whisper-question',
  answer: 'whisper-answer',
  log: 'whisper-log',
  result: 'whisper-result',
  error: 'whisper-error',
  header: 'whisper-header',
  progress: 'whisper-progress',
  reason: 'whisper-reason',
};
const anna = { subject: 'anna' };
const token = 'token of anna';

let runs: (string | undefined)[];

const confide = defineTool({
  name: 'confide',
  task: 'required',
  input: z.object({ text: z.string() }),
  inject: [Context, CurrentAccessToken],
  run: async ({ text }, ctx, access) => {
    runs.push(access.token);
    await ctx.log('info', secrets.log);
    const answer = await ctx.elicit(secrets.question, z.string());
    return `${secrets.result} of ${text} and ${answer.action === 'accept' ? answer.content : answer.action}`;
  },
});

const fails = defineJob({
  name: 'fails',
  input: z.object({ text: z.string() }),
  run: ({ text }): string => {
    runs.push(text);
    throw new Error(secrets.error);
  },
});

const reports = defineJob({
  name: 'reports',
  input: z.object({ text: z.string() }),
  inject: [Progress, AbortSignal],
  run: async ({ text }, progress, signal) => {
    await progress.setMessage(text);
    await progress.increment();
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
  },
});

/** Of this file alone: what others say to theirs is not to be listened to. */
let redis: RedisServer;
let docket: TestDocket;
let servers: ErrandServer[];
let log: string;
let commands: string;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  docket = new TestDocket(redis.url);
  servers = [];
  [log, commands, runs] = ['', '', []];
  // ioredis fails on a command that Redis reports along with its reply to MONITOR, such as the connection's own first INFO.
  await docket.redis.ping();
  const monitor = await docket.redis.monitor();
  monitor.on('monitor', (_time: string, args: string[]) => {
    if (args.some((arg) => arg.includes(docket.prefix))) commands += `${args.join(' ')}\n`;
  });
  monitors.push(monitor);
});
afterEach(async () => {
  await Promise.all(servers.map((server) => server.close()));
  for (const monitor of monitors.splice(0)) monitor.disconnect();
  await docket.dispose();
});
const monitors: { disconnect(): void }[] = [];

function serverWith(encryptionKeys: readonly string[] | undefined, worker = false): ErrandServer {
  const server = createServer({
    name: 'confidant',
    version: '1.0.0',
    logger: new Logger((level, message, fields) => {
      const shown = Object.values(fields).map((each) => (each instanceof Error ? each.stack : JSON.stringify(each)));
      log += `${level} ${message} ${shown.join(' ')}\n`;
    }),
    components: [confide, fails, reports],
    docket: { url: docket.url, name: docket.name, worker, ...(encryptionKeys && { encryptionKeys }) },
  });
  servers.push(server);
  return server;
}

/** Anna gives a task to one process; another one makes the call. */
async function callAcross(submitting: ErrandServer, working: ErrandServer): Promise<string> {
  const running = await working.startWorker();
  const peer = await connectAs(submitting, anna, {
    answer: () => ({ action: 'accept', content: { value: secrets.answer } }),
  });
  try {
    const { taskId } = await startTask(peer.client, 'confide', { text: secrets.input });
    const { content } = await peer.client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema);
    return (content[0] as { text: string }).text;
  } finally {
    await peer[Symbol.asyncDispose]();
    await running.stop();
  }
}

const expected = `${secrets.result} of ${secrets.input} and ${secrets.answer}`;

/** Everything that went to Redis, and is to be seen there. */
async function seenInRedis(): Promise<string> {
  // What was sent before is told before.
  await docket.redis.get(`${docket.prefix}:last`);
  await eventually(() => expect(commands).toContain(`${docket.prefix}:last`));
  return commands;
}

describe('a docket with encryption keys', () => {
  it('shows Redis nothing of what users say: not in a record, a question, an event, or in data of BullMQ', async () => {
    const keys = [key()];
    expect(await callAcross(serverWith(keys), serverWith(keys))).toBe(expected);
    const seen = await seenInRedis();
    for (const secret of [...Object.values(secrets), token]) expect(seen).not.toContain(secret);
  });

  it('lets the token of the user travel to the worker', async () => {
    const keys = [key()];
    await callAcross(serverWith(keys), serverWith(keys));
    expect(runs).toEqual([token]);
  });

  it('shows Redis nothing of schedules, retries, progress and cancels either, and tells them to who asks', async () => {
    const server = serverWith([key()], true);
    const { docket: sealed } = server;
    await sealed.schedule('nightly', { every: '1s' }, fails, { text: secrets.input });
    await eventually(() => expect(runs).toContain(secrets.input));
    await sealed.unschedule('nightly');
    const again = await sealed.add(fails, { text: secrets.input }, { retry: { attempts: 2, delay: 1 } });
    await rejection(again.result());
    await rejection((await sealed.retry(again.key)).result());
    const held = await sealed.add(reports, { text: secrets.progress }, { key: 'held' });
    await eventually(async () => expect(await held.progress()).toEqual({ current: 1, message: secrets.progress }));
    expect(await held.cancel(secrets.reason)).toBe(true);
    expect((await rejection(held.result())).message).toContain(secrets.reason);
    const told = { progress: { current: 1, message: secrets.progress }, reason: secrets.reason };
    expect((await sealed.list({ state: 'cancelled' })).executions).toEqual([expect.objectContaining(told)]);
    expect(await seenInRedis()).not.toMatch(/whisper/);
  });

  it('keeps errors of jobs from Redis, and gives them to who asks', async () => {
    const server = serverWith([key()], true);
    const execution = await server.docket.add(fails, { text: secrets.input });
    expect((await rejection(execution.result())).message).toContain(secrets.error);
    expect(await seenInRedis()).not.toMatch(/whisper/);
  });

  it('loses nothing when keys are rotated: what the old one sealed is still done and read', async () => {
    const [old, fresh] = [key(), key()];
    expect(await callAcross(serverWith([old, fresh]), serverWith([fresh, old]))).toBe(expected);
    const execution = await serverWith([old]).docket.add(fails, { text: 'of before' });
    const rotated = serverWith([fresh, old], true);
    await rotated.startWorker();
    expect((await rejection((await rotated.docket.get(execution.key))!.result())).message).toContain(secrets.error);
  });

  it.each([
    ['with another key', () => [key()]],
    ['without keys', () => undefined],
  ])('fails closed at a worker %s: the method never runs', async (_, keys) => {
    const adding = serverWith([key()]);
    const execution = await adding.docket.add(fails, { text: secrets.input });
    await serverWith(keys()).startWorker();
    const error = await rejection(execution.result());
    expect(error).toMatchObject({ code: 'EXECUTION_FAILED', cause: { code: 'SEAL_INVALID' } });
    expect(runs).toEqual([]);
    expect(log).not.toContain(secrets.input);
  });

  it('fails closed where somebody put a plain input into Redis', async () => {
    const keys = [key()];
    const execution = await serverWith(keys).docket.add(fails, { text: 'sealed' });
    const record = (await docket.keys()).find((each) => each.includes(`execution:${execution.key}`));
    await docket.redis.hset(record!, 'input', JSON.stringify({ text: 'forged' }));
    await serverWith(keys).startWorker();
    expect(await rejection(execution.result())).toMatchObject({ cause: { code: 'SEAL_INVALID' } });
    expect(runs).toEqual([]);
  });

  it('fails the call whose answer cannot be opened, and not the worker', async () => {
    const keys = [key()];
    const running = await serverWith(keys).startWorker();
    const peer = await connectAs(serverWith(keys), anna, { answer: () => new Promise(() => undefined) });
    const { taskId } = await startTask(peer.client, 'confide', { text: 'x' });
    const engine = docket.engine();
    await engine.start();
    const [question] = await eventually(async () => {
      const questions = await engine.questions(taskId);
      expect(questions).toHaveLength(1);
      return questions;
    });
    await engine.answer(taskId, question!.key, { result: { action: 'accept', content: { value: 'forged' } } });
    const result = await peer.client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema);
    expect(result).toMatchObject({ isError: true });
    expect(JSON.stringify(result)).not.toContain('forged');
    await peer[Symbol.asyncDispose]();
    await running.stop();
  });
});

describe('a docket without encryption keys', () => {
  it('stores what is needed to make the call, but never the token', async () => {
    expect(await callAcross(serverWith(undefined), serverWith(undefined))).toBe(expected);
    expect(runs).toEqual([undefined]);
    const seen = await seenInRedis();
    // The tests above could see what they look for.
    for (const secret of [secrets.input, secrets.question, secrets.answer, secrets.log, secrets.result]) {
      expect(seen).toContain(secret);
    }
    expect(seen).not.toContain(token);
    expect(log).not.toContain(token);
  });

  it('tells BullMQ nothing but the key of the execution and the number of its ticket', async () => {
    await callAcross(serverWith(undefined), serverWith(undefined));
    const lines = (await seenInRedis()).split('\n').filter((line) => line.includes(`${docket.prefix}:tickets`));
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.join('\n')).not.toMatch(/whisper/);
  });
});
