import { expect, it } from '@jest/globals';
import { CallScope } from '../../../src/call/call-scope.js';
import { FakeClock, settled } from '../../helpers/fake-clock.js';

/** Something that is resolved from outside. */
function gate(): { readonly passed: Promise<void>; readonly open: () => void } {
  let open = (): void => undefined;
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { passed, open };
}

it('counts no time while it waits for a slot, even if another question is asked meanwhile', async () => {
  const clock = new FakeClock();
  const slot = gate();
  const scope = new CallScope(clock, 1_000, { park: () => undefined, unpark: () => slot.passed });
  const first = gate();
  const second = gate();

  await clock.advance(100);
  const firstDone = scope.waitFor(first.passed);
  await clock.advance(5_000);
  first.open();
  await settled();
  const secondDone = scope.waitFor(second.passed);
  await clock.advance(5_000);
  slot.open();
  second.open();
  await Promise.all([firstDone, secondDone]);

  await clock.advance(899);
  expect(scope.over).toBeUndefined();
  expect(clock.armed).toBe(1);
  await clock.advance(1);
  expect(scope.over?.code).toBe('CALL_TIMED_OUT');
  expect(clock.armed).toBe(0);
});

it('leaves no timer behind after it has unparked twice', async () => {
  const clock = new FakeClock();
  const slot = gate();
  const scope = new CallScope(clock, 1_000, { park: () => undefined, unpark: () => slot.passed });
  const [first, second] = [gate(), gate()];
  const firstDone = scope.waitFor(first.passed);
  first.open();
  await settled();
  const secondDone = scope.waitFor(second.passed);
  second.open();
  await settled();
  slot.open();
  await Promise.all([firstDone, secondDone]);
  expect(clock.armed).toBe(1);
  scope.finish();
  expect(clock.armed).toBe(0);
});
