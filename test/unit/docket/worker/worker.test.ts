import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { ErrandError } from '../../../../src/base/errors.js';
import { Logger, type LogFields } from '../../../../src/base/logger.js';
import { Meters } from '../../../../src/telemetry/meters.js';
import { Tracing } from '../../../../src/telemetry/tracing.js';
import type { CallFrame } from '../../../../src/call/frame.js';
import { StrayErrors } from '../../../../src/call/stray-errors.js';
import { Catalog } from '../../../../src/components/catalog.js';
import { defineJob, defineTool, type DefinedComponent } from '../../../../src/components/define.js';
import { noRetry } from '../../../../src/components/retry-policy.js';
import type { NewExecution } from '../../../../src/docket/engine/engine.js';
import type { SizeLimits } from '../../../../src/docket/engine/size-limits.js';
import { MemoryEngine } from '../../../../src/docket/memory/memory-engine.js';
import { Worker } from '../../../../src/docket/worker/worker.js';
import { Injector } from '../../../../src/injection/injector.js';
import { TaskChannel } from '../../../../src/tasks/task-channel.js';
import { FakeClock } from '../../../helpers/fake-clock.js';

const known = defineJob({ name: 'known', run: () => 'made' });
const foreground = defineTool({ name: 'foreground', run: () => 'now' });
const later = defineJob({ name: 'later', run: () => 'made after all' });

const limits: SizeLimits = { openTasks: 10, share: 1, ttl: 60_000, input: 1_000, result: 1_000, questions: 10 };

let clock: FakeClock;
let engine: MemoryEngine;
let meters: Meters;
let counted: string[];
let log: { message: string; fields: LogFields }[];

function work(name: string, concurrency: number, ...components: DefinedComponent[]): Worker {
  return new Worker(name, concurrency, engine, {
    catalog: new Catalog<CallFrame>(components, new Injector<CallFrame>({ providers: [], builtIns: [] }), {
      task: 'forbidden',
      timeout: 60_000,
    }),
    clock,
    meters,
    tracing: new Tracing(),
    strays: new StrayErrors(),
    sharesProcess: () => false,
    logger: new Logger((_level, message, fields) => log.push({ message, fields })),
    disclosure: 'mask',
    grace: 1_000,
    questionDeadline: 60_000,
    limits,
    taskChannel: (delivery) => new TaskChannel(engine, delivery, limits.questions, meters, new Logger(() => undefined)),
  });
}

const execution = (component: string): NewExecution => ({
  key: component,
  component,
  owner: 'anonymous',
  retry: noRetry,
  timeout: 60_000,
  ttl: 60_000,
});

beforeEach(() => {
  clock = new FakeClock();
  engine = new MemoryEngine({ clock });
  meters = new Meters();
  counted = [];
  meters.attach({
    record: ({ name }, _value, attributes) => counted.push([name, ...Object.values(attributes)].join(' ')),
  });
  log = [];
});

afterEach(() => engine.close());

it.each(['later', 'foreground'])(
  'releases a run whose component it cannot run, says so, and never ends it: %s',
  async (component) => {
    const worker = work('old', 1, known, foreground);
    await engine.add(execution(component));
    await engine.add(execution('known'));
    await clock.advance(0);
    expect(await engine.get(component)).toMatchObject({ state: 'scheduled', attempt: 0, redelivered: false });
    expect(await engine.get('known')).toMatchObject({ state: 'completed', outcome: { result: 'made' } });
    expect(log).toEqual([
      {
        message: 'An execution of an unknown component was released',
        fields: { component, key: component, attempt: 1, worker: 'old' },
      },
    ]);
    expect(counted.slice(0, 2)).toEqual([
      `errand.execution.unknown_component ${component}`,
      `errand.run.ended ${component} put_back`,
    ]);
    await clock.advance(60_000);
    expect(await engine.get(component)).toMatchObject({ state: 'scheduled', attempt: 0 });
    expect(log.length).toBeLessThan(20);
    await worker.stop();
  },
);

it('[B8] logs a component that it does not have once a minute, however many executions there are', async () => {
  const worker = work('old', 3, known);
  for (let index = 0; index < 50; index++) await engine.add({ ...execution('later'), key: `later${index}` });
  for (let second = 0; second < 59; second++) await clock.advance(1_000);
  expect(log).toHaveLength(1);
  for (let second = 0; second < 10; second++) await clock.advance(1_000);
  expect(log).toHaveLength(2);
  await worker.stop();
});

it('leaves an unknown component to a worker that knows it', async () => {
  const old = work('old', 1, known);
  await engine.add(execution('later'));
  await clock.advance(0);
  const current = work('current', 1, known, later);
  await clock.advance(30_000);
  expect(await engine.get('later')).toMatchObject({ state: 'completed', outcome: { result: 'made after all' } });
  await Promise.all([old.stop(), current.stop()]);
});

it('delays as many as others have room for briefly, and the rest for longer', async () => {
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  const current = engine.consume(
    { worker: 'current', concurrency: 2, components: ['later'] },
    { run: () => ended, revoke: () => undefined },
  );
  await engine.add(execution('known'));
  await clock.advance(0);
  // It has a call and room for another, and takes nothing more, which others do not know yet.
  await current.stopIntake();
  const old = work('old', 2, known);
  for (const key of ['a', 'b']) await engine.add({ ...execution('later'), key });
  await clock.advance(0);
  const records = await Promise.all(['a', 'b'].map((key) => engine.get(key)));
  expect(records.map((record) => (record?.runAt ?? 0) - clock.now())).toEqual([250, 5_000]);
  end();
  await current.idle();
  await old.stop();
});

/** All that wait, so many, are run at once and lost without a word. */
async function loseAll(count: number): Promise<void> {
  let left = count;
  let lose = (): void => undefined;
  const lost = new Promise<void>((resolve) => (lose = resolve));
  const losing = engine.consume(
    { worker: 'losing', concurrency: count },
    {
      run: async () => {
        if (--left === 0) {
          await losing.stopIntake();
          lose();
        }
        await lost;
      },
      revoke: () => undefined,
    },
  );
  await clock.advance(0);
  await losing.idle();
}

it('makes as many attempts as the retry option allows, however often the call was lost', async () => {
  let calls = 0;
  const failing = defineJob({
    name: 'failing',
    run: () => {
      calls++;
      throw new TypeError('not yet');
    },
  });
  await engine.add({ ...execution('failing'), retry: { ...noRetry, attempts: 2, delay: 1_000 } });
  await loseAll(1);
  const worker = work('patient', 1, failing);
  await clock.advance(0);
  expect(await engine.get('failing')).toMatchObject({ state: 'scheduled', losses: 1, attempt: 2 });
  await clock.advance(1_000);
  expect(await engine.get('failing')).toMatchObject({ state: 'failed', attempt: 3 });
  expect(calls).toBe(2);
  await worker.stop();
});

it('gives up an execution that is lost again and again, because it may crash its workers', async () => {
  let runs = 0;
  const crashing = engine.consume(
    { worker: 'crashing', concurrency: 1 },
    {
      run: async () => {
        if (++runs === 4) await crashing.stopIntake();
      },
      revoke: () => undefined,
    },
  );
  await engine.add(execution('known'));
  await clock.advance(0);
  await crashing.idle();
  expect(await engine.get('known')).toMatchObject({ state: 'queued', attempt: 4, redelivered: true });
  const worker = work('careful', 1, known);
  await clock.advance(0);
  expect(await engine.get('known')).toMatchObject({ state: 'failed', outcome: { error: { code: 'EXECUTION_LOST' } } });
  expect(counted).toEqual(['errand.execution.given_up known', 'errand.run.ended known failed']);
  await worker.stop();
});

it('runs a call again that could not reach its docket, as a loss and not a failure', async () => {
  let calls = 0;
  const cut = defineJob({
    name: 'cut',
    run: () => {
      if (++calls === 1) throw new ErrandError('DOCKET_UNAVAILABLE', 'The Redis of the docket is away.');
      return 'made after all';
    },
  });
  const worker = work('patient', 1, cut);
  await engine.add(execution('cut'));
  await clock.advance(0);
  expect(await engine.get('cut')).toMatchObject({
    state: 'completed',
    outcome: { result: 'made after all' },
    losses: 1,
    redelivered: true,
  });
  expect(log.map(({ message }) => message)).toEqual([
    'A call was lost because its docket could not be reached',
    'A call runs again: its last run was interrupted',
  ]);
  await worker.stop();
});

it('masks the error of an unreadable snapshot from the client, like any other', async () => {
  const tool = defineTool({ name: 'tool', task: 'optional', run: () => 'made' });
  const worker = work('old', 1, tool);
  await engine.add({ ...execution('tool'), session: 'of anna', snapshot: { version: 2, secret: 'of tomorrow' } });
  await clock.advance(0);
  const { outcome } = (await engine.get('tool'))!;
  expect(outcome).toMatchObject({ result: { isError: true } });
  expect(JSON.stringify(outcome)).toMatch(/tool failed\. Reference [0-9a-f-]{36}\./);
  expect(JSON.stringify(outcome)).not.toMatch(/version|principal/);
  expect(log.map(({ message }) => message)).toEqual(['A tool call failed', 'A task has ended']);
  expect(log[1]).toMatchObject({ fields: { state: 'failed' } });
  await worker.stop();
});
