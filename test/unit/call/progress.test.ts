import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { channelWithoutClient, type ProgressState } from '../../../src/call/channel.js';
import { CallScope } from '../../../src/call/call-scope.js';
import { Progress } from '../../../src/call/progress.js';
import { FakeClock } from '../../helpers/fake-clock.js';

function recorded(): { progress: Progress; sent: ProgressState[]; scope: CallScope } {
  const sent: ProgressState[] = [];
  const channel = channelWithoutClient({
    progress: async (state) => void sent.push(state),
    notify: async () => undefined,
  });
  const scope = new CallScope(new FakeClock(), Infinity);
  return { progress: new Progress(channel, scope), sent, scope };
}

describe('Progress', () => {
  it('starts at zero', () => {
    const { current, total, message } = recorded().progress;
    expect([current, total, message]).toEqual([0, undefined, undefined]);
  });

  it('keeps what is not set anew', async () => {
    const { progress, sent } = recorded();
    await progress.setTotal(3);
    await progress.setMessage('Copying');
    await progress.increment();
    await progress.report(2, undefined, 'Almost');
    await progress.report(3);
    expect(sent).toEqual([
      { current: 0, total: 3 },
      { current: 0, total: 3, message: 'Copying' },
      { current: 1, total: 3, message: 'Copying' },
      { current: 2, total: 3, message: 'Almost' },
      { current: 3, total: 3, message: 'Almost' },
    ]);
    expect([progress.current, progress.total, progress.message]).toEqual([3, 3, 'Almost']);
  });

  it('keeps fractions', async () => {
    const { progress } = recorded();
    await progress.increment(0.25);
    await progress.increment(0.5);
    expect(progress.current).toBe(0.75);
  });

  it('never goes back', async () => {
    const amount = fc.double({ min: 0, max: 1e9, noNaN: true });
    const step = fc.oneof(
      fc.record({ by: amount }),
      fc.record({ to: amount }),
      fc.record({ total: amount }),
      fc.record({ message: fc.string() }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step), async (steps) => {
        const { progress, sent } = recorded();
        for (const each of steps) {
          if ('by' in each) await progress.increment(each.by);
          else if ('to' in each) await progress.report(each.to);
          else if ('total' in each) await progress.setTotal(each.total);
          else await progress.setMessage(each.message);
        }
        expect(sent).toHaveLength(steps.length);
        for (const [index, { current }] of sent.entries()) {
          expect(current).toBeGreaterThanOrEqual(sent[index - 1]?.current ?? 0);
        }
      }),
    );
  });

  it.each([-1, Number.NaN, Infinity, -Infinity, '3', null, 3n])('refuses %p and stays as it is', async (wrong) => {
    const { progress, sent } = recorded();
    const bad = wrong as number;
    for (const attempt of [
      progress.setTotal(bad),
      progress.increment(bad),
      progress.report(bad),
      progress.report(1, bad),
    ]) {
      await expect(attempt).rejects.toMatchObject({
        code: 'OPTIONS_INVALID',
        message: expect.stringMatching(/^Progress: \w+ is .+\. Give a number of at least 0\.$/),
      });
    }
    expect([progress.current, progress.total, sent]).toEqual([0, undefined, []]);
  });

  it('rejects once the call is over', async () => {
    const { progress, sent, scope } = recorded();
    scope.finish();
    await expect(progress.increment()).rejects.toMatchObject({ code: 'CALL_ENDED' });
    expect(sent).toEqual([]);
  });

  it('that nobody awaits does not crash the process', async () => {
    const { progress, scope } = recorded();
    scope.finish();
    const unhandled: unknown[] = [];
    const hear = (reason: unknown): number => unhandled.push(reason);
    process.on('unhandledRejection', hear);
    void progress.increment();
    // Node tells of unhandled rejections before it comes to immediates.
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', hear);
    expect(unhandled).toEqual([]);
  });
});
