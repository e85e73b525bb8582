import { describe, expect, it } from '@jest/globals';
import { ErrandError } from '../../../src/base/errors.js';
import { CallScope, type Parking } from '../../../src/call/call-scope.js';
import { FakeClock, settled } from '../../helpers/fake-clock.js';

/** A promise and what settles it. */
function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

const cancelled = (): ErrandError => new ErrandError('CALL_CANCELLED', 'cancelled');

describe('the timeout of a call', () => {
  it('ends it exactly then', async () => {
    const clock = new FakeClock();
    const scope = new CallScope(clock, 1_000);
    await clock.advance(999);
    expect(scope.over).toBeUndefined();
    await clock.advance(1);
    expect(scope.over).toMatchObject({
      code: 'CALL_TIMED_OUT',
      message: 'The call did not finish within its timeout of 1000 ms.',
    });
  });

  it('does not count the time while a question is open', async () => {
    const clock = new FakeClock();
    const scope = new CallScope(clock, 1_000);
    await clock.advance(600);
    const answer = deferred<string>();
    const asked = scope.waitFor(answer.promise);
    expect(clock.armed).toBe(0);
    await clock.advance(3_600_000);
    answer.resolve('yes');
    expect(await asked).toBe('yes');
    await clock.advance(399);
    expect(scope.over).toBeUndefined();
    await clock.advance(1);
    expect(scope.over?.code).toBe('CALL_TIMED_OUT');
  });

  it('stands still until the last of several questions is answered', async () => {
    const clock = new FakeClock();
    const scope = new CallScope(clock, 1_000);
    const [one, two] = [deferred<number>(), deferred<number>()];
    const both = Promise.all([scope.waitFor(one.promise), scope.waitFor(two.promise)]);
    await clock.advance(5_000);
    one.resolve(1);
    await clock.advance(5_000);
    expect(scope.over).toBeUndefined();
    two.resolve(2);
    expect(await both).toEqual([1, 2]);
    await clock.advance(1_000);
    expect(scope.over?.code).toBe('CALL_TIMED_OUT');
  });

  it('does not exist if it is infinite, and no timer is armed', () => {
    const clock = new FakeClock();
    expect(new CallScope(clock, Infinity).over).toBeUndefined();
    expect(clock.armed).toBe(0);
  });

  it('leaves no timer behind, however the call ends', async () => {
    const clock = new FakeClock();
    new CallScope(clock, 1_000).finish();
    new CallScope(clock, 1_000).end(cancelled());
    expect(clock.armed).toBe(0);
  });
});

describe('a call that waits for its slot after an answer', () => {
  /** Gives a slot back only when the test says so. */
  class SlowParking implements Parking {
    readonly log: string[] = [];
    readonly free: (() => void)[] = [];

    park(): void {
      this.log.push('park');
    }

    unpark(): Promise<void> {
      this.log.push('unpark');
      return new Promise((resolve) => this.free.push(resolve));
    }
  }

  it('is not charged for the wait', async () => {
    const clock = new FakeClock();
    const parking = new SlowParking();
    const scope = new CallScope(clock, 1_000, parking);
    const asked = scope.waitFor(Promise.resolve('yes'));
    await clock.advance(5_000);
    expect(parking.log).toEqual(['park', 'unpark']);
    parking.free[0]?.();
    expect(await asked).toBe('yes');
    await clock.advance(999);
    expect(scope.over).toBeUndefined();
  });

  it('is not charged for it either if it asks again meanwhile', async () => {
    const clock = new FakeClock();
    const parking = new SlowParking();
    const scope = new CallScope(clock, 1_000, parking);
    await clock.advance(100);
    const first = scope.waitFor(Promise.resolve(1));
    await clock.advance(5_000);
    const answer = deferred<number>();
    const second = scope.waitFor(answer.promise);
    parking.free[0]?.();
    expect(await first).toBe(1);
    await clock.advance(5_000);
    answer.resolve(2);
    await settled();
    parking.free[1]?.();
    expect(await second).toBe(2);
    await clock.advance(899);
    expect(scope.over).toBeUndefined();
    await clock.advance(1);
    expect(scope.over?.code).toBe('CALL_TIMED_OUT');
  });

  it('has one timer if two answers get their slot together', async () => {
    const clock = new FakeClock();
    const parking = new SlowParking();
    const scope = new CallScope(clock, 1_000, parking);
    const first = scope.waitFor(Promise.resolve(1));
    await settled();
    const second = scope.waitFor(Promise.resolve(2));
    await settled();
    for (const free of parking.free) free();
    expect(await Promise.all([first, second])).toEqual([1, 2]);
    expect(clock.armed).toBe(1);
    scope.finish();
    expect(clock.armed).toBe(0);
  });
});

describe('the end of a call', () => {
  it('happens once: the first reason stays', () => {
    const scope = new CallScope(new FakeClock(), 1_000);
    const reason = cancelled();
    const heard: unknown[] = [];
    scope.onEnd((why) => heard.push(why));
    scope.end(reason);
    scope.end(new ErrandError('CALL_TIMED_OUT', 'later'));
    scope.finish();
    expect(scope.over).toBe(reason);
    expect(heard).toEqual([reason]);
  });

  it('is reported at once to a later listener', () => {
    const scope = new CallScope(new FakeClock(), 1_000);
    const reason = cancelled();
    scope.end(reason);
    const heard: unknown[] = [];
    scope.onEnd((why) => heard.push(why));
    expect(heard).toEqual([reason]);
  });

  it('rejects everything that waits, and everything that comes later', async () => {
    const scope = new CallScope(new FakeClock(), 1_000);
    const waits = Promise.allSettled([
      scope.waitFor(new Promise(() => undefined)),
      scope.waitFor(new Promise(() => undefined)),
    ]);
    const reason = cancelled();
    scope.end(reason);
    expect(await waits).toEqual([
      { status: 'rejected', reason },
      { status: 'rejected', reason },
    ]);
    await expect(scope.waitFor(Promise.resolve(1))).rejects.toBe(reason);
    expect(() => scope.check()).toThrow(reason);
  });

  it('by its own return aborts nothing, but the Context no longer works', async () => {
    const scope = new CallScope(new FakeClock(), 1_000);
    const { signal } = scope;
    const heard: unknown[] = [];
    scope.onEnd((why) => heard.push(why));
    const waits = scope.waitFor(new Promise(() => undefined));
    scope.finish();
    expect(signal.aborted).toBe(false);
    expect(heard).toEqual([]);
    expect(scope.over?.code).toBe('CALL_ENDED');
    expect(() => scope.check()).toThrow(/^The call is over, so its Context/);
    await expect(waits).rejects.toMatchObject({ code: 'CALL_ENDED' });
  });

  it('aborts the signal with the reason, whether it is created before or after', () => {
    const reason = cancelled();
    const before = new CallScope(new FakeClock(), 1_000);
    const { signal } = before;
    expect(signal.aborted).toBe(false);
    before.end(reason);
    expect([signal.aborted, signal.reason]).toEqual([true, reason]);
    const after = new CallScope(new FakeClock(), 1_000);
    after.end(reason);
    expect([after.signal.aborted, after.signal.reason]).toEqual([true, reason]);
  });

  it('leaves a signal unaborted that is created after the return', () => {
    const scope = new CallScope(new FakeClock(), 1_000);
    scope.finish();
    expect(scope.over?.code).toBe('CALL_ENDED');
    expect(scope.signal.aborted).toBe(false);
    expect(scope.signal).toBe(scope.signal);
  });

  it('passes on the rejection of an answer', async () => {
    const scope = new CallScope(new FakeClock(), 1_000);
    const lost = new Error('lost');
    await expect(scope.waitFor(Promise.reject(lost))).rejects.toBe(lost);
  });
});
