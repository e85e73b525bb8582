import { describe, expect, it } from '@jest/globals';
import type { Engine } from '../../../src/docket/engine/engine.js';
import { Execution } from '../../../src/docket/execution.js';
import type { ExecutionChange } from '../../../src/docket/follow.js';
import { eventually } from '../../helpers/eventually.js';
import type { Stage } from './stage.js';

/** A change in short: the state, or the progress. */
const inShort = (change: ExecutionChange): string | number =>
  change.type === 'state' ? change.state : change.progress.current;

async function read(changes: AsyncIterable<ExecutionChange>): Promise<(string | number)[]> {
  const found: (string | number)[] = [];
  for await (const change of changes) found.push(inShort(change));
  return found;
}

export function followingContract(stage: () => Stage): void {
  describe('a followed execution', () => {
    const handle = async (key: string, engine: Engine = stage().engine): Promise<Execution> =>
      new Execution(await stage().record(key), true, engine, (work) => work);

    it('reports its current state, then each change, until it has ended', async () => {
      const { engine } = stage();
      const worker = stage().work();
      await stage().add('a', { delay: 100 });
      const execution = await handle('a');
      const found: (string | number)[] = [];
      const reading = (async () => {
        for await (const change of execution.subscribe()) found.push(inShort(change));
      })();
      await eventually(() => expect(found).toEqual(['scheduled']));
      await stage().pass(100);
      const delivery = await worker.next();
      await eventually(() => expect(found).toEqual(['scheduled', 'queued', 'running']));
      await engine.progress('a', delivery.run, { current: 1, total: 2 });
      await eventually(() => expect(found).toHaveLength(4));
      expect((await read(takeTwo(execution.subscribe()))).slice(0, 2)).toEqual(['running', 1]);
      // The same progress again is no change.
      await engine.progress('a', delivery.run, { current: 1, total: 2 });
      await engine.progress('a', delivery.run, { current: 2, total: 2 });
      await eventually(() => expect(found).toHaveLength(5));
      await worker.finish(delivery);
      await reading;
      expect(found).toEqual(['scheduled', 'queued', 'running', 1, 2, 'completed']);
      expect(await read(execution.subscribe())).toEqual(['completed', 2]);
    });

    it('reports only the latest progress to a slow reader', async () => {
      const { engine } = stage();
      const worker = stage().work();
      const delivery = await stage().begin('a', worker);
      const execution = await handle('a');
      const changes = execution.subscribe()[Symbol.asyncIterator]();
      expect(await changes.next()).toEqual({ done: false, value: { type: 'state', state: 'running' } });
      for (let current = 1; current <= 100; current++) await engine.progress('a', delivery.run, { current });
      await worker.finish(delivery);
      await eventually(async () => expect(await execution.state()).toBe('completed'));
      await stage().quiet();
      const rest = [];
      for (let step = await changes.next(); !step.done; step = await changes.next()) rest.push(inShort(step.value));
      expect(rest).toEqual([100, 'completed']);
    });

    it('is watched only as long as it is read, however the reading ends', async () => {
      let watches = 0;
      const watched = Object.create(stage().engine) as Engine;
      watched.watch = async (of, listener) => {
        const unwatch = await stage().engine.watch(of, listener);
        watches++;
        return () => {
          watches--;
          unwatch();
        };
      };
      await stage().begin('a', stage().work());
      const execution = await handle('a', watched);
      for await (const change of execution.subscribe()) {
        expect([inShort(change), watches]).toEqual(['running', 1]);
        break;
      }
      expect(watches).toBe(0);
      const stop = new AbortController();
      const reason = new Error('enough');
      const reading = read(execution.subscribe({ signal: stop.signal })).catch((error: unknown) => error);
      await eventually(() => expect(watches).toBe(1));
      stop.abort(reason);
      expect(await reading).toBe(reason);
      expect(watches).toBe(0);
    });

    it('that has expired or was replaced ends with an error; so does a closed engine', async () => {
      const worker = stage().work();
      const delivery = await stage().begin('a', worker);
      const first = await handle('a');
      await worker.finish(delivery);
      await stage().add('a', { delay: 60_000 });
      await expect(read(first.subscribe())).rejects.toMatchObject({ code: 'EXECUTION_REPLACED' });
      const second = await handle('a');
      const changes = second.subscribe()[Symbol.asyncIterator]();
      expect(await changes.next()).toMatchObject({ value: { state: 'scheduled' } });
      const next = Promise.resolve(changes.next()).catch((error: unknown) => error);
      await stage().quiet();
      await stage().engine.close();
      expect(await next).toMatchObject({ code: 'DOCKET_UNAVAILABLE' });
    });
  });
}

async function* takeTwo<T>(all: AsyncIterable<T>): AsyncGenerator<T> {
  let left = 2;
  for await (const each of all) {
    yield each;
    if (--left === 0) return;
  }
}
