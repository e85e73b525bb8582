import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ErrandServer } from '../../src/index.js';
import { asBuilt, cli, root, runNode } from '../helpers/child.js';
import { eventually } from '../helpers/eventually.js';
import { TestDocket } from '../helpers/redis.js';
import { startRedis, type RedisServer } from '../helpers/redis-server.js';
import { connectInMemory } from '../helpers/transports.js';
import { startTask, untilStatus } from '../helpers/raw-calls.js';
import { fleet, recent, stubborn, sum, waits } from './fleet/server.js';

const file = join(root, 'test/e2e/fleet/server.ts');
const nowhere = 'redis://127.0.0.1:1';

interface WorkerProcess {
  readonly child: ChildProcess;
  /** Resolves with the exit code. */
  readonly ended: Promise<number | null>;
  /** Where it tells health and metrics. */
  readonly url: string;
  /** Everything on stderr. */
  log(): string;
  /** What is said on stderr, line by line. */
  lines(): { message: string; [field: string]: unknown }[];
}

let docket: TestDocket;
let servers: ErrandServer[];
let children: ChildProcess[];
let redis: RedisServer | undefined;

beforeEach(() => {
  docket = new TestDocket();
  servers = [];
  children = [];
});

afterEach(async () => {
  for (const child of children.filter(({ exitCode, signalCode }) => (exitCode ?? signalCode) === null)) {
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
  await Promise.all(servers.map((server) => server.close()));
  await redis?.stop('SIGKILL');
  redis = undefined;
  await docket.dispose();
});

/** A worker that has begun. */
async function startWorker(args: readonly string[], env: Record<string, string> = {}): Promise<WorkerProcess> {
  const child = spawn(process.execPath, [cli, 'worker', file, '--port', '0', ...args], {
    env: { ...process.env, ...asBuilt, ERRAND_DOCKET_URL: docket.url, ERRAND_DOCKET_NAME: docket.name, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  children.push(child);
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  const lines = (): { message: string; [field: string]: unknown }[] =>
    log
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as { message: string });
  const started = await eventually(
    () => {
      const found = lines();
      expect(found.map(({ message }) => message)).toContain('A worker has started');
      return found;
    },
    { timeout: 25_000 },
  );
  const url = started.find(({ message }) => message === 'Serving health and metrics')?.['url'] as string;
  const ended = once(child, 'exit').then(([code]) => code as number | null);
  return { child, ended, url, log: () => log, lines };
}

/** A process that serves clients and does no work. */
function startServer(version = 'new', url = docket.url): ErrandServer {
  const server = fleet(version, { url, name: docket.name });
  servers.push(server);
  return server;
}

async function healthOf({ url }: WorkerProcess, path = '/healthz'): Promise<[number, { status?: string }]> {
  const response = await fetch(`${url}${path}`);
  return [response.status, (await response.json()) as { status?: string }];
}

/** The value of one line of the metrics; undefined where there is none. */
async function metric({ url }: WorkerProcess, name: string): Promise<number | undefined> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const line = text.split('\n').find((each) => each.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.slice(name.length));
}

describe('errand worker', () => {
  it('does what others add, with the docket that its command names, and says little', async () => {
    const args = ['--docket-url', docket.url, '--name', 'first', '--concurrency', '3'];
    const worker = await startWorker(args, { FLEET_URL: nowhere, ERRAND_DOCKET_URL: nowhere });
    expect(worker.lines().find(({ message }) => message === 'A worker has started')).toMatchObject({
      level: 'info',
      worker: 'first',
      docket: docket.name,
      url: docket.url,
      concurrency: 3,
      components: ['sum', 'waits', 'stubborn', 'greets'],
    });
    expect(await healthOf(worker)).toEqual([200, { status: 'ok', latency: expect.any(Number) }]);
    const server = startServer();
    for (let count = 1; count <= 2; count++) {
      expect(await (await server.docket.add(sum, { numbers: [count, 2, 3] })).result()).toBe(count + 5);
      const ended = 'errand_run_ended_total{errand_component="sum",errand_outcome="completed"}';
      await eventually(async () => expect(await metric(worker, ended)).toBe(count));
    }
    await server.docket.add(waits);
    await eventually(async () => {
      expect(await metric(worker, 'errand_worker_running{errand_worker="first"}')).toBe(1);
    });
    expect(await metric(worker, 'errand_worker_slots{errand_worker="first"}')).toBe(3);
    expect(await metric(worker, 'errand_docket_executions{errand_state="running"}')).toBe(1);
    await using peer = await connectInMemory(server);
    const { taskId } = await startTask(peer.client, 'greets');
    await untilStatus(peer.client, taskId, 'completed');
    await eventually(() => expect(worker.lines().at(-1)).toMatchObject({ message: 'A task has ended' }));
    // One line for the port, one for the worker, one for the task.
    expect(worker.lines().slice(2)).toEqual([
      expect.objectContaining({ level: 'info', taskId, component: 'greets', attempt: 1, worker: 'first' }),
    ]);
  });

  it('hands its work to another at SIGTERM, which costs no attempt, and exits with 0', async () => {
    const leaving = await startWorker([]);
    const server = startServer();
    const { key } = await server.docket.add(waits);
    const engine = docket.engine();
    await engine.start();
    await eventually(async () => expect(await engine.get(key)).toMatchObject({ state: 'running', attempt: 1 }));
    const staying = await startWorker([]);
    const before = performance.now();
    leaving.child.kill('SIGTERM');
    expect(await leaving.ended).toBe(0);
    expect(performance.now() - before).toBeLessThan(9_000);
    await eventually(async () => {
      expect(await engine.get(key)).toMatchObject({ state: 'running', attempt: 1, redelivered: true });
    });
    const redelivered = 'errand_execution_redelivered_total{errand_component="waits"}';
    expect(await metric(staying, redelivered)).toBe(1);
    expect(leaving.lines().filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('is draining while a call does not stop, and goes at once at the second signal', async () => {
    const worker = await startWorker([]);
    await startServer().docket.add(stubborn);
    await eventually(async () => {
      expect(await metric(worker, 'errand_docket_executions{errand_state="running"}')).toBe(1);
    });
    worker.child.kill('SIGTERM');
    await eventually(async () => {
      expect(await healthOf(worker)).toEqual([503, { status: 'draining', reason: 'The server is closing.' }]);
    });
    expect(await healthOf(worker, '/livez')).toEqual([200, { status: 'ok' }]);
    worker.child.kill('SIGTERM');
    expect(await worker.ended).toBe(143);
    // The ticket that it held is dropped by the next worker that finds it; here is none.
    await docket.redis.del(...(await docket.keys()));
  });

  it('leaves what it does not know to a newer one, and counts it', async () => {
    const old = await startWorker([]);
    const server = startServer();
    const execution = await server.docket.add(recent);
    const unknown = 'errand_execution_unknown_component_total{errand_component="recent"}';
    await eventually(async () => expect(await metric(old, unknown)).toBe(1));
    expect(old.lines().at(-1)).toMatchObject({ level: 'warning', component: 'recent', key: execution.key });
    // It goes on with what it knows.
    expect(await (await server.docket.add(sum, { numbers: [1, 2] })).result()).toBe(3);
    const young = await startWorker([], { FLEET_VERSION: 'new' });
    old.child.kill('SIGTERM');
    expect(await execution.result({ timeout: '20s' })).toBe('of the new version');
    const { executions } = await server.docket.list({ component: 'recent' });
    expect(executions).toMatchObject([{ key: execution.key, state: 'completed', attempt: 1, redelivered: false }]);
    expect(await metric(young, unknown)).toBeUndefined();
  });

  it('is unhealthy while its Redis is gone, goes on when it is back, and tells nobody the password', async () => {
    const password = 'secret-of-redis';
    redis = await startRedis({ args: ['--requirepass', password] });
    const url = redis.url.replace('//', `//:${password}@`);
    const worker = await startWorker([], { ERRAND_DOCKET_URL: url });
    const server = startServer('old', url);
    expect((await server.health()).status).toBe('starting');
    expect(await (await server.docket.add(sum, { numbers: [1] })).result()).toBe(1);
    expect((await server.health()).status).toBe('ok');
    await redis.stop('SIGKILL');
    await eventually(async () => {
      expect(await healthOf(worker)).toEqual([503, expect.objectContaining({ status: 'unhealthy' })]);
    });
    expect(await server.health()).toMatchObject({
      status: 'unhealthy',
      reason: expect.stringMatching(/failed: (Error: )?connect ECONNREFUSED 127\.0\.0\.1:\d+\.$/),
    });
    expect(await healthOf(worker, '/livez')).toEqual([200, { status: 'ok' }]);
    // Nobody knows how many there are.
    for (const name of ['errand_docket_workers', 'errand_docket_open_questions']) {
      expect(await metric(worker, name)).toBeUndefined();
    }
    const troubles = worker.lines().filter(({ level }) => level === 'error');
    const said = troubles.map(({ error }) => (error as Error).message);
    expect(said.length).toBeGreaterThan(0);
    expect(said).toEqual([...new Set(said)]);
    redis = await startRedis({ port: redis.port, args: ['--requirepass', password] });
    await eventually(async () => expect((await healthOf(worker))[0]).toBe(200));
    expect(worker.lines()).toContainEqual(
      expect.objectContaining({ level: 'info', message: 'The Redis of the docket can be reached again' }),
    );
    await eventually(async () => expect((await server.health()).status).toBe('ok'));
    expect(await (await server.docket.add(sum, { numbers: [1, 1] })).result()).toBe(2);
    expect(await metric(worker, 'errand_redis_reconnected_total')).toBeGreaterThan(0);
    const told = await (await fetch(`${worker.url}/healthz`)).text();
    expect([worker.log(), told, JSON.stringify(await server.health())].join()).not.toContain(password);
  });
});

describe('errand worker refuses', () => {
  const refusals: readonly [what: string, args: readonly string[], message: RegExp][] = [
    // The one that takes as long as it says begins first.
    ['a Redis out of reach', ['--docket-url', 'redis://a:secret@127.0.0.1:1'], /could not be reached within 5000 ms/],
    ['a docket in memory', [], /^errand: The docket of 'fleet' is memory:\/\/: it lives in the process .*--docket-url/],
    ['a concurrency of none', ['--concurrency', '0'], /^errand: --concurrency is "0"\. Give a whole number/],
    ['a port that is none', ['--port', 'x'], /^errand: --port is "x"\. Give a port/],
    ['an option of others', ['--stateless'], /^errand: Unknown option '--stateless'\.\nUsage:/],
    [
      'an engine that nobody has',
      ['--docket-url', 'mongodb://a:secret@b'],
      /^errand: docket\.url, or ERRAND_DOCKET_URL, is 'mongodb:\/\/…@b'/m,
    ],
  ];
  it('what cannot work in one clear error, with exit code 1', async () => {
    const refused = async (what: string, args: readonly string[], message: RegExp): Promise<void> => {
      const { code, stdout, stderr } = await runNode([cli, 'worker', ...args], { env: { ...asBuilt } });
      expect([what, stderr]).toEqual([what, expect.stringMatching(message)]);
      expect(stderr).not.toContain('secret');
      expect([what, code, stdout]).toEqual([what, 1, '']);
    };
    await Promise.all([
      ...refusals.map(([what, args, message]) => refused(what, [file, ...args], message)),
      refused('no file', ['--name', 'x'], /^errand: errand worker needs a server file\.\nUsage:\n {2}errand worker/),
      refused('an empty name', [file, '--name', ' ', '--docket-url', docket.url], /work: name is empty\./),
    ]);
  });

  it('a server that its file has started', async () => {
    const server = startServer();
    await server.listen();
    await expect(server.work()).rejects.toMatchObject({
      code: 'SERVER_FILE',
      message: expect.stringContaining("The server 'fleet' has started already. Call work() first"),
    });
    await server.close();
    await expect(server.work()).rejects.toMatchObject({ code: 'SERVER_CLOSED' });
  });

  it('a port that is taken, before it takes any work', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const args = [cli, 'worker', file, '--docket-url', docket.url, '--port', String(port)];
    const { code, stderr } = await runNode(args, { env: { ...asBuilt } });
    expect(stderr).toMatch(/^errand: Cannot listen on 127\.0\.0\.1, port \d+: .*Choose another port\.\n$/);
    expect(code).toBe(1);
    taken.close();
  });
});
