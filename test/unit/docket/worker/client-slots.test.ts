import { expect, it } from '@jest/globals';
import { ClientSlots } from '../../../../src/docket/worker/client-slots.js';
import { FakeClock } from '../../../helpers/fake-clock.js';

const slots = (concurrency: number, share: number): ClientSlots => new ClientSlots(concurrency, share, new FakeClock());

it.each([
  [10, 0.75, 8],
  [10, 0.5, 5],
  [10, 1, 10],
  [10, 0.01, 1],
  [4, 0.75, 3],
  [2, 0.75, 1],
  [2, 0.99, 1],
  [1, 0.75, 1],
  [1, 1, 1],
])('of %i slots, a share of %f is %i [B5]', (concurrency, share, most) => {
  const some = slots(concurrency, share);
  for (let run = 0; run < most; run++) expect(some.enter('anna')).toBeUndefined();
  expect(some.enter('anna')).toBeGreaterThan(0);
  expect(some.enter('ben')).toBeUndefined();
});

it('what waits without a slot does not count, and a run that ends makes room [B5]', () => {
  const some = slots(2, 0.5);
  some.enter('anna');
  some.leave('anna');
  expect(some.enter('anna')).toBeUndefined();
  some.resume('anna');
  expect(some.enter('anna')).toBeGreaterThan(0);
  some.leave('anna');
  some.leave('anna');
  expect(some.enter('anna')).toBeUndefined();
});

it('what exceeds a share comes again one by one, within a minute [B5]', () => {
  const some = slots(4, 0.5);
  for (let run = 0; run < 2; run++) some.enter('anna');
  const pauses = Array.from({ length: 1_000 }, () => some.enter('anna') ?? 0);
  expect(pauses.slice(0, 4)).toEqual([500, 1_000, 1_500, 2_000]);
  expect(Math.min(...pauses)).toBeGreaterThanOrEqual(250);
  expect(Math.max(...pauses)).toBeLessThan(61_000);
  // No two at once for as long as a minute has room for them.
  expect(new Set(pauses.slice(0, 120)).size).toBe(120);
});
