import { afterEach, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { createServer, defineTool, Logger } from '../../src/index.js';
import { DocketClient } from '../../src/docket/docket-client.js';
import { keyParts } from '../../src/redis/keys.js';
import type { RedisEngine } from '../../src/redis/redis-engine.js';
import { Meters } from '../../src/telemetry/meters.js';
import { eventually } from '../helpers/eventually.js';
import { connectAs } from '../helpers/principals.js';
import { rejection, request, startTask, untilStatus } from '../helpers/raw-calls.js';
import { TestDocket } from '../helpers/redis.js';
import { anExecution, aQuestion, aSchedule } from '../engine/contract/stage.js';

const dockets: TestDocket[] = [];
afterEach(async () => {
  const used = dockets.splice(0);
  // What is left of something damaged belongs to nobody any more.
  await Promise.all(used.map((docket) => docket.dispose().catch(() => undefined)));
});

/** A docket with something of everything, of which `victim` is to be damaged. */
class Scene {
  errors: unknown[] = [];
  readonly counted: string[] = [];
  private others = 0;

  private constructor(
    readonly docket: TestDocket,
    readonly engine: RedisEngine,
  ) {}

  static async open(url?: string): Promise<Scene> {
    const docket = new TestDocket(url);
    dockets.push(docket);
    const meters = new Meters();
    const errors: unknown[] = [];
    const engine = docket.engine({ meters, lease: 1_000, onError: (error) => errors.push(error) });
    const scene = new Scene(docket, engine);
    meters.attach({
      record: ({ name }, _value, attributes) => scene.counted.push([name, ...Object.values(attributes)].join(' ')),
    });
    scene.errors = errors;
    await engine.start();
    engine.consume(
      {
        worker: 'w',
        concurrency: 3,
        limits: new Map([['bound', { concurrency: 2, rate: { max: 1_000, duration: 1_000 } }]]),
      },
      {
        run: async ({ record, run }) => {
          if (record.key === 'asking') {
            await engine.ask('asking', run, aQuestion('q1'));
            await new Promise<void>((resolve) => void engine.onClose(resolve));
            return;
          }
          await engine.progress(record.key, run, { current: 1 });
          await engine.settle(record.key, run, { type: 'finish', outcome: { result: record.key } });
        },
        revoke: () => undefined,
      },
    );
    await engine.sessions.save('of anna', engine.newConnectionId(), { owner: 'anna', client: {} }, 60_000);
    await engine.sessions.hold('of anna', engine.newConnectionId());
    await engine.watch({ session: 'of anna' }, () => undefined);
    await engine.schedule(aSchedule('healthy'));
    await engine.schedule(aSchedule('broken', { when: { every: 60_000 } }));
    for (const key of ['victim', 'asking']) await engine.add(anExecution(key));
    await engine.add({ ...anExecution('later'), delay: 60_000 });
    await eventually(async () => expect(await engine.questions('asking')).toHaveLength(1));
    await eventually(async () => expect(await engine.get('victim')).toMatchObject({ state: 'completed' }));
    return scene;
  }

  /** The full name of a key, in which `*` stands for whatever is there. */
  async key(name: string): Promise<string> {
    if (!name.includes('*')) return `${this.docket.prefix}:${name}`;
    const start = `${this.docket.prefix}:${name.replace('*', '')}`;
    return (await this.docket.keys()).find((key) => key.startsWith(start)) ?? `${start}nobody`;
  }

  /** Everything that is sound goes on: another execution runs, and everything can be listed. */
  async goesOn(): Promise<void> {
    const { engine } = this;
    for (const component of ['report', 'bound']) {
      const key = `other${++this.others}`;
      await engine.add({ ...anExecution(key), component });
      await eventually(async () => expect(await engine.get(key)).toMatchObject({ state: 'completed' }), {
        timeout: 20_000,
      });
    }
    await engine.list({ owner: 'anna', limit: 10 });
    await engine.browse({ limit: 10 });
    await engine.stats();
    await engine.workers();
    // Another call may just have removed what was damaged, and be putting them back.
    await eventually(async () => expect((await engine.schedules()).map(({ id }) => id)).toContain('healthy'));
  }

  async ticks(): Promise<void> {
    const generation = async (): Promise<number> =>
      (await this.engine.get('healthy').catch(() => undefined))?.generation ?? 0;
    const before = await generation();
    await eventually(async () => expect(await generation()).toBeGreaterThan(before), { timeout: 30_000 });
  }
}

const types = ['string', 'list', 'set', 'zset', 'stream', 'hash'] as const;

/** Puts a value of a type in place of what is there; into what is there if it has the type. */
async function damage(redis: Redis, key: string, type: (typeof types)[number]): Promise<void> {
  const isSame = (await redis.type(key)) === type;
  const fields = isSame && type === 'hash' ? await redis.hkeys(key) : ['{'];
  // At once, because heartbeats go on.
  const batch = redis.multi();
  if (!isSame) batch.del(key);
  if (type === 'string') batch.set(key, '{');
  else if (type === 'list') batch.rpush(key, '{');
  else if (type === 'set') batch.sadd(key, '{');
  else if (type === 'zset') batch.zadd(key, 1, '{');
  else if (type === 'stream') batch.xadd(key, '*', '{', '{');
  else for (const field of fields) batch.hset(key, field, '{');
  await batch.exec();
}

/** Names of keys of each part. */
const names: Readonly<Record<keyof typeof keyParts, readonly string[]>> = {
  execution: ['victim', 'healthy'],
  questions: ['asking'],
  tasks: ['anna'],
  ended: ['anna'],
  open: ['anna'],
  state: ['scheduled', 'queued', 'running', 'completed'],
  expiring: [''],
  asked: [''],
  workers: [''],
  worker: ['*'],
  taken: ['*'],
  keyWatch: ['victim', 'healthy'],
  sessionWatch: ['of anna'],
  allWatch: [''],
  session: ['of anna'],
  sessionTasks: ['of anna'],
  missed: ['of anna'],
  alive: ['*'],
  signs: [''],
  node: ['*'],
  inbox: ['*'],
  fill: ['*'],
  schedule: ['broken'],
  unscheduled: ['broken'],
  crashes: ['report'],
  isolated: ['sweep'],
  schedules: [''],
  queue: ['meta', 'active', 'stalled', 'delayed'],
  line: [''],
  prioritized: [''],
  sign: [''],
  gate: [
    'limits:bound',
    'running:bound',
    'called:bound',
    'blocked:bound',
    'starts:bound',
    'unknown:report',
    'look:report',
  ],
  unknown: [''],
  due: [''],
  sequence: [''],
  health: [''],
  mark: [''],
};

/** Damages one key with each type of value in turn. */
async function harm(name: string): Promise<void> {
  const scene = await Scene.open();
  // After an error on BullMQ's marker, a worker waits for a second.
  for (const type of name === keyParts.sign ? types.slice(0, 2) : types) {
    await damage(scene.docket.redis, await scene.key(name), type);
    await scene.goesOn().catch((error: unknown) => {
      throw new Error(`${name} as a ${type}: ${String(error)} ${scene.errors.map(String).join(', ')}`, {
        cause: error,
      });
    });
  }
  await scene.ticks().catch((error: unknown) => {
    throw new Error(`${name}: no ticks ${scene.errors.map(String).join(', ')}`, { cause: error });
  });
}

describe('a damaged value', () => {
  const keys = Object.entries(names).flatMap(([part, all]) =>
    all.map((name) => keyParts[part as keyof typeof keyParts] + name),
  );
  // Each has a docket of its own, so several go on at once.
  const groups = Array.from({ length: 2 }, (_, group) => keys.filter((_key, index) => index % 2 === group));
  it.each(groups.map((group) => [group.join(', '), group] as const))(
    '[B7] leaves everything else as it is: %s',
    async (_name, group) => {
      await Promise.all(group.map(harm));
    },
    120_000,
  );

  it('[B7] is told as such, once, and is counted', async () => {
    const scene = await Scene.open();
    const { docket, engine, errors, counted } = scene;
    const client = new DocketClient(engine);
    await docket.redis.set(`${docket.prefix}:execution:victim`, 'text');
    await docket.redis.hset(`${docket.prefix}:execution:later`, { outcome: '{', attempt: 'one' });
    await docket.redis.set(`${docket.prefix}:schedule:broken`, 'text');
    errors.length = counted.length = 0;
    for (const key of ['victim', 'later']) {
      expect(await rejection(client.get(key))).toMatchObject({ code: 'DOCKET_DAMAGED' });
      expect(await rejection(engine.watchEnd(key, () => undefined))).toMatchObject({ code: 'DOCKET_DAMAGED' });
    }
    expect(await rejection(engine.cancel('victim'))).toMatchObject({ code: 'DOCKET_DAMAGED' });
    for (let round = 0; round < 3; round++) {
      expect((await engine.list({ owner: 'anna', limit: 10 })).records.map(({ key }) => key)).toEqual(['asking']);
      const found = (await engine.browse({ limit: 10 })).summaries.map(({ key }) => key);
      expect(found.filter((key) => key !== 'healthy')).toEqual(['asking']);
      expect((await engine.schedules()).map(({ id }) => id)).toEqual(['healthy']);
    }
    expect(errors).toHaveLength(3);
    expect(counted.filter((name) => name.includes('damaged')).sort()).toEqual([
      'errand.redis.damaged execution',
      'errand.redis.damaged execution',
      'errand.redis.damaged schedule',
    ]);
    // A new one may take its place.
    await engine.add(anExecution('victim'));
    await eventually(async () => expect(await engine.get('victim')).toMatchObject({ state: 'completed' }));
    await engine.schedule(aSchedule('broken'));
    expect(await engine.schedules()).toHaveLength(2);
  });

  it('[B7] is told to the client whose task it is, by tasks/get and tasks/result', async () => {
    const docket = new TestDocket();
    dockets.push(docket);
    const server = createServer({
      name: 'harmed',
      version: '1.0.0',
      logger: new Logger(() => undefined),
      components: [defineTool({ name: 'answer', task: 'required', run: () => 'done' })],
      docket: { url: docket.url, name: docket.name },
    });
    const { client } = await connectAs(server, { subject: 'anna' });
    const damages: ((key: string) => Promise<unknown>)[] = [
      (key) => docket.redis.set(key, 'text'),
      (key) => docket.redis.hset(key, { outcome: '{', attempt: 'one' }),
    ];
    for (const harmRecord of damages) {
      const { taskId } = await startTask(client, 'answer');
      const other = await startTask(client, 'answer');
      for (const id of [taskId, other.taskId]) await untilStatus(client, id, 'completed');
      await harmRecord(`${docket.prefix}:execution:${taskId}`);
      for (const method of ['tasks/get', 'tasks/result']) {
        const error = await rejection(request(client, method, { taskId }));
        expect(error).toMatchObject({ code: -32603, message: expect.stringContaining('DOCKET_DAMAGED') });
        await request(client, method, { taskId: other.taskId });
      }
    }
    await client.close();
    await server.close();
  });

  it('[B7] takes nothing with it that can be restored: times, jobs and schedules', async () => {
    const scene = await Scene.open();
    const { docket, engine } = scene;
    await engine.add({ ...anExecution('soon'), delay: 300 });
    for (const name of ['due', 'schedules', 'tickets:wait']) await docket.redis.set(`${docket.prefix}:${name}`, '{');
    await scene.goesOn();
    await eventually(async () => expect(await engine.get('soon')).toMatchObject({ state: 'completed' }));
    await scene.ticks();
    expect((await docket.redis.zrange(`${docket.prefix}:due`, '0', '-1')).sort()).toEqual(['q:q1:asking', 'x::later']);
  });

  it('[B7] in the state of an execution does not stop its schedule', async () => {
    const scene = await Scene.open();
    const { docket, engine } = scene;
    const key = `${docket.prefix}:execution:healthy`;
    await eventually(async () => expect(await engine.get('healthy')).toMatchObject({ state: 'completed' }));
    await docket.redis.hset(key, 'state', '{');
    await eventually(async () => expect(await docket.redis.hget(key, 'state')).not.toBe('{'));
    await scene.ticks();
  });
});
