import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { connect } from '../../src/client/connect.js';
import { Context, createServer, defineJob, defineTool, Logger, Progress, type ErrandServer } from '../../src/index.js';
import {
  ErrandError,
  openDocket,
  type DocketClient,
  type DocketEvent,
  type OpenDocketOptions,
} from '../../src/redis/index.js';
import { cli, fixtureFile, runNode } from '../helpers/child.js';
import { eventually } from '../helpers/eventually.js';
import { Gate } from '../helpers/gate.js';
import { rejection } from '../helpers/raw-calls.js';
import { TestDocket } from '../helpers/redis.js';

const key = (): string => randomBytes(32).toString('base64');

let docket: TestDocket;
let servers: ErrandServer[];
let clients: DocketClient[];
let gate: Gate;
let disk: string;

const store = defineJob({
  name: 'store',
  input: z.object({ password: z.string() }),
  run: () => {
    if (disk !== 'mended') throw new Error(disk);
    return 'stored';
  },
});
const slow = defineJob({
  name: 'slow',
  inject: [Progress],
  run: async (_input, progress) => {
    await progress.setTotal(2);
    await progress.setMessage('half of it');
    await progress.increment();
    await gate.stop();
    return 'at last';
  },
});
const publish = defineTool({
  name: 'publish',
  task: 'required',
  inject: [Context],
  run: async (_input, ctx) => (await ctx.elicit('Publish it?', z.boolean())).action,
});

beforeEach(() => {
  docket = new TestDocket();
  servers = [];
  clients = [];
  gate = new Gate();
  disk = 'no disk';
});

afterEach(async () => {
  await Promise.all(clients.map((client) => client.close()));
  await Promise.all(servers.map((server) => server.close()));
  await docket.dispose();
});

function serve(encryptionKeys?: readonly string[]): ErrandServer {
  const server = createServer({
    name: 'opened',
    version: '1.2.3',
    components: [store, slow, publish],
    grace: '1s',
    docket: { url: docket.url, name: docket.name, worker: false, ...(encryptionKeys && { encryptionKeys }) },
    logger: new Logger(() => undefined),
  });
  servers.push(server);
  return server;
}

async function open(options: OpenDocketOptions = {}): Promise<DocketClient> {
  const client = await openDocket({ url: docket.url, name: docket.name, ...options });
  clients.push(client);
  return client;
}

async function all(events: AsyncIterable<DocketEvent>, seen: DocketEvent[] = []): Promise<DocketEvent[]> {
  for await (const event of events) seen.push(event);
  return seen;
}

const states = (events: readonly DocketEvent[]): string[] =>
  events.map(({ type, execution }) => `${type} ${execution.state}`);

describe('openDocket', () => {
  it('lists, shows, retries and cancels what is in the docket of a server, and who works on it', async () => {
    const server = serve();
    const operator = await open();
    expect(await operator.health()).toEqual({ ok: true, latency: expect.any(Number) });
    expect(await operator.workers()).toEqual([]);
    const worker = await server.startWorker({ name: 'first', concurrency: 3 });
    await server.docket.add(store, { password: 'hunter2' }, { key: 'store' });
    await server.docket.add(store, { password: 'x' }, { key: 'later', when: '1h' });
    await eventually(async () => expect((await operator.stats()).states).toMatchObject({ failed: 1, scheduled: 1 }));
    expect(await operator.workers()).toMatchObject([{ name: 'first', version: '1.2.3', concurrency: 3 }]);

    const page = await operator.list({ limit: 1 });
    expect(page.executions.map((each) => each.key)).toEqual(['later']);
    const { executions } = await operator.list({ limit: 1, cursor: page.nextCursor! });
    expect(executions).toMatchObject([
      { key: 'store', component: 'store', state: 'failed', isTask: false, attempt: 1 },
    ]);

    const details = await operator.get('store');
    expect(details).toMatchObject({
      ...executions[0],
      generation: expect.any(Number),
      attempts: 1,
      losses: 0,
      suspicions: 0,
      timeout: 3_600_000,
      ttl: 3_600_000,
      questions: [],
      error: { code: 'Error', message: 'no disk' },
    });
    expect(JSON.stringify(details)).not.toContain('hunter2');
    expect(await operator.get('store', { input: true })).toMatchObject({ input: { password: 'hunter2' } });

    disk = 'mended';
    expect(await operator.retry('store')).toMatchObject({ key: 'store', state: 'queued', attempt: 0 });
    expect(await (await server.docket.get('store'))!.result()).toBe('stored');
    expect(await operator.get('store')).toMatchObject({ state: 'completed', result: 'stored' });
    expect((await operator.get('store'))!.generation).toBeGreaterThan(details!.generation);
    expect(await rejection(operator.retry('store'))).toMatchObject({ code: 'RETRY_REFUSED' });
    expect(await operator.cancel('later', 'not wanted')).toBe(true);
    expect(await operator.cancel('later')).toBe(false);
    expect(await operator.get('later')).toMatchObject({ state: 'cancelled', reason: 'not wanted' });
    await worker.stop();
  });

  it('shows the questions of a task without their answers', async () => {
    const server = serve();
    const worker = await server.startWorker();
    const operator = await open();
    const client = await connect(server, { onElicit: () => new Promise(() => undefined) });
    const { taskId } = await client.callTool('publish', {}, { task: true });
    await eventually(async () => expect((await operator.stats()).openQuestions).toBe(1));
    const { questions, isTask, principal } = (await operator.get(taskId))!;
    expect({ isTask, principal }).toEqual({ isTask: true, principal: 'anonymous' });
    expect(questions).toEqual([
      {
        key: expect.any(String),
        kind: 'elicitation',
        message: 'Publish it?',
        params: expect.objectContaining({ requestedSchema: expect.any(Object) }),
        createdAt: expect.any(Date),
        deadline: expect.any(Date),
        isAnswered: false,
      },
    ]);
    await operator.cancel(taskId);
    await client.close();
    await worker.stop();
  });

  it('follows one execution to its end, and all of them until the signal', async () => {
    const server = serve();
    const operator = await open();
    const stop = new AbortController();
    const everything: DocketEvent[] = [];
    const following = all(operator.subscribe({ signal: stop.signal }), everything);
    const left = rejection(following);
    await eventually(async () => {
      await operator.cancel((await server.docket.add(store, { password: '' })).key);
      expect(everything.length).toBeGreaterThan(0);
    });
    const { key: one } = await server.docket.add(slow);
    const seen: DocketEvent[] = [];
    const end = all(operator.subscribe({ key: one }), seen);
    await eventually(() => expect(states(seen)).toEqual(['now queued']));
    const worker = await server.startWorker();
    await eventually(() => expect(seen.at(-1)?.execution.progress).toMatchObject({ current: 1, total: 2 }));
    await gate.pass();
    await end;
    expect(states(seen)).toEqual([
      'now queued',
      'state running',
      ...seen.slice(2, -1).map(() => 'progress running'),
      'state completed',
    ]);
    expect(states(await all(operator.subscribe({ key: one })))).toEqual(['state completed']);
    await eventually(() => {
      const ofOne = everything.filter(({ execution }) => execution.key === one);
      expect(states(ofOne)).toEqual(expect.arrayContaining(['state queued', 'state running', 'state completed']));
    });
    stop.abort(new Error('enough'));
    expect(await left).toMatchObject({ message: 'enough' });
    await worker.stop();
  });

  it('keeps the newest thousand events for a slow reader', async () => {
    const server = serve();
    const operator = await open();
    const add = (each: string): Promise<unknown> =>
      server.docket.add(store, { password: '' }, { key: each, when: '1h' });
    const stop = new AbortController();
    const eager: DocketEvent[] = [];
    const left = rejection(all(operator.subscribe({ signal: stop.signal }), eager));
    const slowReader = operator.subscribe()[Symbol.asyncIterator]();
    const first = slowReader.next();
    const begun = Promise.all([first, eventually(() => expect(eager).not.toEqual([]))]);
    // Watching begins with the first `next`, which may be after the first was added.
    for (let index = 0, over = false; !over; index++) {
      await add(`early ${index}`);
      over = await Promise.race([
        begun.then(() => true),
        new Promise<false>((resolve) => setImmediate(resolve, false)),
      ]);
    }
    for (let from = 0; from < 1_200; from += 200) {
      await Promise.all(Array.from({ length: 200 }, (_, index) => add(`number ${from + index}`)));
    }
    await add('last');
    await eventually(() => expect(eager.at(-1)?.execution.key).toBe('last'));
    const told: string[] = [];
    while (told.at(-1) !== 'last') {
      const next = await slowReader.next();
      if (!next.done) told.push(next.value.execution.key);
    }
    expect(told).toEqual(eager.slice(-1_000).map(({ execution }) => execution.key));
    await slowReader.return?.();
    stop.abort(new Error('enough'));
    await left;
    const page = await operator.list({ limit: 1_000 });
    const rest = await operator.list({ limit: 1_000, cursor: page.nextCursor! });
    await Promise.all([...page.executions, ...rest.executions].map((each) => operator.cancel(each.key)));
  });
});

describe('openDocket of a sealed docket', () => {
  it('reads with the keys of the server, tells what is sealed without them, and fails closed with others', async () => {
    const keys = [key()];
    const server = serve(keys);
    const worker = await server.startWorker();
    await server.docket.add(store, { password: 'hunter2' }, { key: 'store' });
    const operator = await open({ encryptionKeys: keys });
    await eventually(async () => expect((await operator.stats()).states.failed).toBe(1));
    const troubles: unknown[] = [];
    const [blind, wrong] = [
      await open(),
      await open({ encryptionKeys: [key()], onError: (error) => troubles.push(error) }),
    ];
    const readable = { input: { password: 'hunter2' }, error: { message: 'no disk' } };
    expect(await operator.get('store', { input: true })).toMatchObject(readable);
    const unread = await blind.get('store', { input: true });
    expect(unread).toMatchObject({ state: 'failed', error: { code: 'SEALED' } });
    expect(JSON.stringify(unread)).not.toMatch(/hunter2|no disk/);
    const mistaken = await wrong.get('store', { input: true });
    expect(mistaken).toMatchObject({ state: 'failed', error: { code: 'SEAL_INVALID' } });
    expect(mistaken).not.toHaveProperty('input');
    expect(troubles).toContainEqual(expect.objectContaining({ code: 'SEAL_INVALID' }));

    const byServer = await serve(keys).openDocket();
    clients.push(byServer);
    expect(await byServer.get('store', { input: true })).toMatchObject(readable);
    expect(await byServer.retry('store')).toMatchObject({ state: 'queued' });
    const { key: one } = await server.docket.add(slow);
    const seen: DocketEvent[] = [];
    const end = all(operator.subscribe({ key: one }), seen);
    await eventually(() => expect(seen.at(-1)?.execution.progress).toMatchObject({ message: 'half of it' }));
    await operator.cancel(one, 'a secret reason');
    await end;
    expect(seen.at(-1)?.execution).toMatchObject({ state: 'cancelled', reason: 'a secret reason' });
    expect((await blind.get(one))?.reason).not.toContain('secret');
    await gate.pass();
    await worker.stop();
  });
});

describe('openDocket refuses', () => {
  const refusal = async (options: OpenDocketOptions): Promise<ErrandError> => {
    const error = await rejection(open(options));
    if (!ErrandError.is(error)) throw error;
    return error;
  };

  it('what names no docket on Redis, in one clear error', async () => {
    const nameless = await rejection(openDocket({ url: docket.url }));
    expect(nameless).toMatchObject({ code: 'OPTIONS_INVALID', message: expect.stringMatching(/^Which docket\?/) });
    expect(await refusal({ url: 'memory://' })).toMatchObject({
      code: 'DOCKET_URL',
      message: expect.stringContaining('it lives in the memory of its server'),
    });
    expect(await refusal({ url: 'mongodb://a:secret@b' })).toMatchObject({
      code: 'DOCKET_URL',
      message: expect.not.stringContaining('secret'),
    });
    for (const name of ['', '\ud800']) {
      expect(await refusal({ name })).toMatchObject({
        code: 'OPTIONS_INVALID',
        message: expect.stringMatching(/^openDocket: name: /),
      });
    }
    expect(await refusal({ encryptionKeys: ['short-secret'] })).toMatchObject({
      code: 'OPTIONS_INVALID',
      message: 'openDocket: encryptionKeys.0: expected 32 bytes in base64 or hexadecimal: openssl rand -base64 32.',
    });
    expect(await refusal({ tls: { ca: 'x' } })).toMatchObject({ code: 'DOCKET_TLS' });
    const memory = createServer({ name: 'memory', version: '1', components: [store] });
    expect(await rejection(memory.openDocket())).toMatchObject({ code: 'DOCKET_URL' });
    await memory.close();
  });

  it('a Redis that does not answer, within its deadline', async () => {
    const before = performance.now();
    const error = await refusal({ url: 'redis://a:secret@127.0.0.1:1', deadline: 300 });
    expect(error).toMatchObject({
      code: 'DOCKET_UNAVAILABLE',
      message: expect.stringMatching(/127\.0\.0\.1:1, could not be reached within 300 ms/),
    });
    expect(error.message).not.toContain('secret');
    expect(performance.now() - before).toBeLessThan(3_000);
  });

  it('keys that nobody has added, which is nothing of another docket either', async () => {
    await serve().docket.add(store, { password: '' }, { key: 'here' });
    const [operator, elsewhere] = [await open(), await open({ name: `${docket.name}-other` })];
    expect(await elsewhere.list()).toEqual({ executions: [] });
    expect(await elsewhere.get('here')).toBeUndefined();
    for (const client of [operator, elsewhere]) {
      for (const failing of [
        client.cancel('nobody'),
        client.retry('nobody'),
        all(client.subscribe({ key: 'nobody' })),
      ]) {
        expect(await rejection(failing)).toMatchObject({ code: 'EXECUTION_UNKNOWN' });
      }
    }
    expect(await rejection(operator.list({ cursor: 'x' }))).toMatchObject({ code: 'CURSOR_INVALID' });
    expect(await rejection(operator.list({ limit: 0 }))).toMatchObject({ code: 'OPTIONS_INVALID' });
    await operator.cancel('here');
    await elsewhere.close();
    const left = await docket.redis.keys(`*${docket.name}-other*`);
    if (left.length > 0) await docket.redis.del(...left);
  });

  it('anything once it is closed, and ends what somebody follows', async () => {
    const { key: one } = await serve().docket.add(store, { password: '' });
    const operator = await open();
    const iterator = operator.subscribe({ key: one })[Symbol.asyncIterator]();
    expect((await iterator.next()).value).toMatchObject({ type: 'now' });
    const next = rejection(iterator.next() as Promise<unknown>);
    await Promise.all([operator.close(), operator.close()]);
    expect(await next).toMatchObject({ code: 'DOCKET_UNAVAILABLE' });
    const calls = [operator.list(), operator.stats(), operator.get(one), operator.cancel(one), operator.workers()];
    for (const failing of [...calls, operator.retry(one), all(operator.subscribe())]) {
      expect(await rejection(failing as Promise<unknown>)).toMatchObject({ code: 'DOCKET_UNAVAILABLE' });
    }
    expect(await operator.health()).toMatchObject({ ok: false });
    await (await open()).cancel(one);
  });
});

describe('the command errand', () => {
  it('takes the server of another copy of the package', async () => {
    await serve().docket.add(store, { password: '' }, { key: 'one' });
    // The file imports the sources, and the command is what was built of them.
    const args = ['--json', '--server', fixtureFile('errands.ts'), '--docket-name', docket.name];
    const [listed, served] = await Promise.all([
      runNode([cli, 'tasks', 'ls', ...args], { env: { ERRAND_DOCKET_URL: docket.url } }),
      runNode([cli, 'run', fixtureFile('errands.ts')]),
    ]);
    expect(listed).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(listed.stdout)).toMatchObject({ key: 'one' });
    expect(served).toEqual({ code: 0, stdout: '', stderr: '' });
    await (await open()).cancel('one');
  });
});
