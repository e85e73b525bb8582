import { describe, expect, it } from '@jest/globals';
import { aQuestion, anExecution, type Stage } from './stage.js';

export function lifecycleContract(stage: () => Stage): void {
  describe('start and close', () => {
    it('may be called again', async () => {
      await stage().engine.start();
      await stage().add('a');
      await stage().engine.close();
      await stage().engine.close();
    });

    it('determine its health', async () => {
      expect(await stage().engine.health()).toMatchObject({ ok: true });
      await stage().engine.close();
      expect(await stage().engine.health()).toEqual({ ok: false, reason: expect.stringContaining('closed') });
    });

    it('end everything: each later call fails with DOCKET_UNAVAILABLE', async () => {
      const { engine } = stage();
      const handler = { run: () => Promise.resolve(), revoke: () => undefined };
      await stage().add('a');
      await engine.close();
      const calls: Record<string, () => Promise<unknown>> = {
        start: () => engine.start(),
        add: () => engine.add(anExecution('b')),
        get: () => engine.get('a'),
        list: () => engine.list({ owner: 'anna', limit: 1 }),
        cancel: () => engine.cancel('a'),
        watch: () => engine.watch({ key: 'a' }, () => undefined),
        settle: () => engine.settle('a', 'run', { type: 'release' }),
        progress: () => engine.progress('a', 'run', { current: 1 }),
        notify: () => engine.notify('a', 'run', { type: 'log', level: 'info', data: null }),
        ask: () => engine.ask('a', 'run', aQuestion('q')),
        answer: () => engine.answer('a', 'q', { result: 1 }),
        questions: () => engine.questions('a'),
        consume: async () => engine.consume({ worker: 'w', concurrency: 1 }, handler),
      };
      for (const call of Object.values(calls)) {
        await expect(call()).rejects.toMatchObject({ name: 'ErrandError', code: 'DOCKET_UNAVAILABLE' });
      }
    });

    it('call no handler after close, and leave no run waiting for a slot', async () => {
      const worker = stage().work(1);
      const first = await stage().begin('a', worker);
      worker.consumer.park(first.run);
      const second = await stage().begin('b', worker);
      const back = worker.consumer.unpark(first.run);
      await stage().add('c');
      await stage().add('soon', { runAt: stage().now() + 50 });
      await stage().engine.close();
      await back;
      worker.end(first);
      worker.end(second);
      await worker.consumer.idle();
      await stage().pass(100);
      await stage().quiet();
      expect(worker.begun).toHaveLength(2);
      expect(worker.revoked).toEqual([]);
    });
  });
}
