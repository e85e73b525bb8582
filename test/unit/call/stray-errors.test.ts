import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { ErrandError } from '../../../src/base/errors.js';
import { CallScope } from '../../../src/call/call-scope.js';
import { StrayErrors, type WatchedCall } from '../../../src/call/stray-errors.js';
import { FakeClock } from '../../helpers/fake-clock.js';

let strays: StrayErrors;
let call: WatchedCall;

beforeEach(() => {
  strays = new StrayErrors();
  call = { scope: new CallScope(new FakeClock(), 60_000), component: 'report', key: 'k1' };
});

afterEach(() => call.scope.finish());

it('charges a running call with its first stray error, and then the next call [A3]', async () => {
  strays.switchOn();
  await strays.watch(call, async () => {
    await Promise.resolve();
    const cause = new TypeError('lost');
    expect(strays.charge(cause)).toBe(call);
    expect(call.scope.over).toMatchObject({ code: 'STRAY_ERROR', exposed: false, cause });
    expect(strays.charge(new Error('another'))).toBeUndefined();
  });
  // Nothing is watched between two calls.
  const next: WatchedCall = { ...call, scope: new CallScope(new FakeClock(), 60_000) };
  await strays.watch(next, async () => {
    await Promise.resolve();
    expect(strays.charge(new Error('of the next one'))).toBe(next);
  });
});

it('charges no call with errors from elsewhere, or from a call that is over [A3]', async () => {
  strays.switchOn();
  await strays.watch(call, async () => undefined);
  expect(strays.charge(new Error('from elsewhere'))).toBeUndefined();
  expect(call.scope.over).toBeUndefined();
  call.scope.finish();
  await strays.watch(call, async () => expect(strays.charge(new Error('late'))).toBeUndefined());
});

it('tracks nothing before it is switched on [A3]', async () => {
  await strays.watch(call, async () => expect(strays.charge(new Error('lost'))).toBeUndefined());
  expect(call.scope.over).toBeUndefined();
});

it('the failure is retryable [A3]', async () => {
  strays.switchOn();
  await strays.watch(call, async () => strays.charge('a text'));
  expect(ErrandError.is(call.scope.over) && call.scope.over.retryable).toBe(true);
  expect(call.scope.over?.message).toContain('report left an error that nobody handles: a text.');
});
