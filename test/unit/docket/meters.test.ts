import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { instruments } from '../../../src/telemetry/instruments.js';
import { Meters } from '../../../src/telemetry/meters.js';
import {
  Context,
  defineJob,
  defineTool,
  ErrandError,
  Logger,
  toolResult,
  type ErrandServer,
} from '../../../src/index.js';
import { serverWithClock } from '../../helpers/clocked-server.js';
import { eventually } from '../../helpers/eventually.js';
import { FakeClock, settled } from '../../helpers/fake-clock.js';
import { startTask } from '../../helpers/raw-calls.js';
import { connectInMemory } from '../../helpers/transports.js';

let clock: FakeClock;
let meters: Meters;
let server: ErrandServer;
let seen: { name: string; value: number; attributes: Readonly<Record<string, string>> }[];

const wait = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const stop = clock.schedule(ms, resolve);
    signal.addEventListener('abort', () => {
      stop();
      reject(signal.reason as Error);
    });
  });

const sleeps = defineJob({
  name: 'sleeps',
  input: z.object({ ms: z.number() }),
  inject: [AbortSignal],
  run: ({ ms }, signal) => wait(ms, signal),
});
const fails = defineJob({
  name: 'fails',
  retry: { attempts: 2, delay: '1s' },
  run: () => {
    throw new ErrandError('WAIT_TIMED_OUT', 'Not today.');
  },
});
const refuses = defineTool({
  name: 'refuses',
  task: 'required',
  run: () => toolResult({ content: [], isError: true }),
});
const asks = defineTool({
  name: 'asks',
  task: 'required',
  inject: [Context, AbortSignal],
  run: async (_input, ctx, signal) => {
    await wait(1_000, signal);
    const answer = await ctx.elicit('Go on?', z.boolean(), { deadline: '1m' });
    await wait(2_000, signal);
    return answer.action;
  },
});

/** The values of one instrument, without what is the same for all. */
const of = (name: string): [number, string][] =>
  seen
    .filter((each) => each.name === name)
    .map(({ value, attributes }) => [
      value,
      Object.values(attributes)
        .filter((text) => text !== 'errand')
        .join(' '),
    ]);

beforeEach(() => {
  clock = new FakeClock();
  meters = new Meters();
  seen = [];
  meters.attach({ record: ({ name }, value, attributes) => seen.push({ name, value, attributes }) });
  const options = { name: 'metered', version: '1', components: [sleeps, fails, refuses, asks] };
  server = serverWithClock({ ...options, logger: new Logger(() => undefined) }, clock, meters);
});

afterEach(async () => {
  const closing = server.close();
  await clock.advance(60_000);
  await closing;
});

describe('what a server counts', () => {
  it('shows what was added, how late each run began and how long it took', async () => {
    await server.docket.add(sleeps, { ms: 3_000 }, { key: 'later', when: '10s' });
    await server.docket.add(sleeps, { ms: 3_000 }, { key: 'later' });
    await clock.advance(9_000);
    clock.jump(1_500); // nobody looks in time
    await clock.advance(5_000);
    expect(of('errand.execution.added')).toEqual([[1, 'sleeps']]);
    expect(of('errand.execution.start_delay')).toEqual([[0.5, 'sleeps']]);
    expect(of('messaging.process.duration')).toEqual([[3, 'process sleeps completed']]);
    expect(of('errand.run.ended')).toEqual([[1, 'sleeps completed']]);
    expect(of('errand.execution.redelivered')).toEqual([]);
  });

  it('distinguishes the ways in which runs end', async () => {
    await server.docket.add(fails);
    await server.docket.add(sleeps, { ms: 60_000 }, { key: 'cancelled' });
    await clock.advance(5_000);
    await server.docket.cancel('cancelled');
    await using peer = await connectInMemory(server);
    await startTask(peer.client, 'refuses');
    await clock.advance(1_000);
    expect(of('errand.run.ended')).toEqual([
      [1, 'fails retried'],
      [1, 'fails failed'],
      [1, 'sleeps cancelled'],
      [1, 'refuses failed'],
    ]);
    const types = seen.flatMap(({ attributes }) => attributes['error.type'] ?? []);
    expect(types).toEqual(['WAIT_TIMED_OUT', 'WAIT_TIMED_OUT', '_OTHER']);
  });

  it('counts a run that a worker releases, and the run that follows elsewhere', async () => {
    const own = { name: 'metered', version: '1', components: [sleeps], docket: { worker: false } };
    await server.close();
    server = serverWithClock({ ...own, logger: new Logger(() => undefined) }, clock, meters);
    const leaving = await server.startWorker();
    await server.docket.add(sleeps, { ms: 60_000 });
    await clock.advance(1_000);
    await leaving.stop();
    const staying = await server.startWorker();
    await clock.advance(60_000);
    expect(of('errand.run.ended')).toEqual([
      [1, 'sleeps handed_back'],
      [1, 'sleeps completed'],
    ]);
    expect(of('errand.execution.redelivered')).toEqual([[1, 'sleeps']]);
    await staying.stop();
  });

  it.each([
    ['answered', 5_000],
    ['expired', 60_000],
  ])('a question that is %s, whose wait is no time of the run', async (end, waited) => {
    let answer = (): void => undefined;
    const answered = new Promise<void>((resolve) => (answer = resolve));
    await using peer = await connectInMemory(server, {
      answer: async () => {
        await answered;
        return { action: 'accept', content: { value: true } };
      },
    });
    const { taskId } = await startTask(peer.client, 'asks');
    await clock.advance(1_000);
    await eventually(() => expect(of('errand.question.asked')).toEqual([[1, 'asks elicitation']]));
    await clock.advance(waited);
    if (end === 'answered') answer();
    await eventually(() => expect(of(`errand.question.${end}`)).toEqual([[1, 'asks elicitation']]));
    expect(of('errand.question.answer_time')).toEqual(end === 'answered' ? [[5, 'asks elicitation']] : []);
    await settled();
    await clock.advance(2_000);
    await eventually(async () => expect(await (await server.docket.get(taskId))?.state()).toBe('completed'));
    expect(of('messaging.process.duration')).toEqual([[3, 'process asks completed']]);
  });

  it('a derived server counts for itself', async () => {
    const derived = server.with({ override: [] });
    await derived.docket.add(sleeps, { ms: 0 });
    expect(seen).toEqual([]);
    await derived.close();
  });
});

describe('the table of instruments', () => {
  const all = Object.values(instruments);

  it('names each once, by the conventions of OpenTelemetry', () => {
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
    for (const { name, unit } of all) {
      expect(name).toMatch(/^[a-z]+(\.[a-z_]+)+$/);
      expect(unit).toMatch(/^(s|\{[a-z]+\})$/);
    }
  });
});
