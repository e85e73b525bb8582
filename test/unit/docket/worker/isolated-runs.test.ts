import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { Logger } from '../../../../src/base/logger.js';
import type { Consumer, Delivery } from '../../../../src/docket/engine/engine.js';
import { IsolatedRuns } from '../../../../src/docket/worker/isolated-runs.js';
import { MemoryEngine } from '../../../../src/docket/memory/memory-engine.js';
import { anExecution, TestWorker } from '../../../engine/contract/stage.js';
import { FakeClock, settled } from '../../../helpers/fake-clock.js';

let clock: FakeClock;
let exonerated: string[];
let worker: TestWorker;
let consumer: Consumer;
let runs: IsolatedRuns;
let engine: MemoryEngine;

/** The memory engine isolates nothing by itself, so that a test says what is isolated and hears what was found harmless. */
class ListeningEngine extends MemoryEngine {
  override exonerate(...[key]: readonly string[]): Promise<void> {
    exonerated.push(key ?? '');
    return super.exonerate();
  }
}

beforeEach(async () => {
  clock = new FakeClock();
  exonerated = [];
  engine = new ListeningEngine({ clock });
  await engine.start();
  worker = new TestWorker(engine, 2);
  ({ consumer } = worker);
  runs = new IsolatedRuns(engine, consumer, clock, new Logger(() => undefined));
});

afterEach(async () => {
  await worker.stop();
  await engine.close();
});

async function begin(key: string): Promise<Delivery> {
  await engine.add(anExecution(key));
  await settled();
  return worker.begun.at(-1)!;
}

it('a worker waits twice as long after each time it gave up, and starts over once a run was alone [A3]', async () => {
  const other = await begin('other');
  for (const patience of [30_000, 60_000, 120_000]) {
    const mine = await begin(`after ${patience}`);
    let alone: boolean | undefined;
    void runs.enter(mine.run).then((isAlone) => (alone = isAlone));
    await clock.advance(patience - 1);
    expect(alone).toBeUndefined();
    await clock.advance(1);
    expect(alone).toBe(false);
    await worker.finish(mine);
  }
  const last = await begin('last');
  const entering = runs.enter(last.run);
  await worker.finish(other);
  expect(await entering).toBe(true);
  runs.ended(last.run);
  await worker.finish(last);
  const again = await begin('again');
  const beside = await begin('beside');
  const refused = runs.enter(beside.run);
  await clock.advance(30_000);
  expect(await refused).toBe(false);
  for (const delivery of [again, beside]) await worker.finish(delivery);
});

it.each(['its run is revoked', 'the worker stops'])('the wait ends at once when %s [A3]', async (why) => {
  const other = await begin('other');
  const mine = await begin('mine');
  const { armed } = clock;
  const entering = runs.enter(mine.run);
  if (why === 'the worker stops') runs.giveUpAll();
  else runs.giveUp(mine.run);
  expect(await entering).toBe(false);
  expect(clock.armed).toBe(armed);
  for (const delivery of [other, mine]) await worker.finish(delivery);
});

it('a run that waits for an answer keeps its worker for ten seconds, and then counts as harmless [A3]', async () => {
  const mine = await begin('mine');
  expect(await runs.enter(mine.run)).toBe(true);
  await engine.add(anExecution('waiting'));
  runs.park(mine);
  await clock.advance(9_999);
  expect(worker.begun).toHaveLength(1);
  // Answered within its probation it goes on beside no other.
  await runs.unpark(mine.run);
  await clock.advance(60_000);
  expect(exonerated).toEqual([]);
  runs.park(mine);
  await clock.advance(10_000);
  expect(exonerated).toEqual(['mine']);
  expect(worker.begun.map(({ record }) => record.key)).toEqual(['mine', 'waiting']);
  await runs.unpark(mine.run);
  for (const delivery of worker.begun) await worker.finish(delivery);
});

it('a run that ends while it waits for an answer leaves no timer [A3]', async () => {
  const mine = await begin('mine');
  expect(await runs.enter(mine.run)).toBe(true);
  runs.park(mine);
  runs.ended(mine.run);
  await worker.finish(mine);
  await clock.advance(10_000);
  expect(exonerated).toEqual([]);
});
