import { expect } from '@jest/globals';
import type { Engine, EngineEvent } from '../../src/docket/engine/engine.js';
import { eventually } from '../helpers/eventually.js';
import { anExecution, aQuestion, inShort, TestWorker } from './contract/stage.js';

/** Lets an engine do what a docket asks of it: a worker, a question, an answer, events, a list and something for later. */
export async function expectWholeWork(engine: Engine, key = 'a'): Promise<void> {
  const worker = new TestWorker(engine, 2);
  const events: EngineEvent[] = [];
  const unwatch = await engine.watch({ key }, (event) => events.push(event));
  await engine.add(anExecution(key));
  const delivery = await worker.next();
  const { run } = delivery;
  expect(await engine.progress(key, run, { current: 1 })).toBe(true);
  expect(await engine.notify(key, run, { type: 'log', level: 'info', data: null })).toBe(true);
  await engine.ask(key, run, aQuestion('q'));
  expect(await engine.answer(key, 'q', { result: { action: 'decline' } })).toBe('accepted');
  await engine.add({ ...anExecution(`${key} soon`), runAt: Date.now() + 300 });
  await engine.add({ ...anExecution(`${key} later`), runAt: Date.now() + 3_600_000 });
  expect(await engine.cancel(`${key} later`)).toBe('cancelled');
  expect((await engine.list({ owner: 'anna', limit: 100 })).records.map((record) => record.key)).toContain(key);
  expect(await worker.finish(delivery)).toBe(true);
  await worker.finish(await worker.next());
  expect(await engine.health()).toEqual({ ok: true, latency: expect.any(Number) });
  // A connection that was lost in between makes some of them be told twice.
  await eventually(() => {
    const told = inShort(events);
    expect(told).toEqual(expect.arrayContaining(['state running', 'question q', 'closed q', 'state completed']));
    expect(told.at(-1)).toBe('state completed');
  });
  unwatch();
  await worker.stop();
}
