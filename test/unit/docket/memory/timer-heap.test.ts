import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Heap, type HeapNode } from '../../../../src/docket/memory/heap.js';
import { TimerHeap } from '../../../../src/docket/memory/timer-heap.js';
import { FakeClock } from '../../../helpers/fake-clock.js';

describe('Heap', () => {
  it('matches a sorted list, whatever is pushed, popped and removed from the middle', () => {
    const step = fc.oneof(
      {
        weight: 3,
        arbitrary: fc.record({ type: fc.constant('push' as const), value: fc.integer({ min: 0, max: 50 }) }),
      },
      { weight: 1, arbitrary: fc.record({ type: fc.constant('pop' as const) }) },
      { weight: 1, arbitrary: fc.record({ type: fc.constant('delete' as const), which: fc.nat() }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const heap = new Heap<number>((a, b) => a < b);
        const nodes: HeapNode<number>[] = [];
        const out: HeapNode<number>[] = [];
        const inside = (): number[] =>
          nodes
            .filter((node) => !out.includes(node))
            .map((node) => node.value)
            .sort((a, b) => a - b);
        for (const next of steps) {
          if (next.type === 'push') {
            nodes.push(heap.push(next.value));
          } else if (next.type === 'pop') {
            const [least] = inside();
            expect(heap.peek()).toBe(least);
            expect(heap.pop()).toBe(least);
            out.push(...nodes.filter((node) => node.index < 0 && !out.includes(node)));
          } else if (nodes.length > 0) {
            // Also those that are out already: nothing happens.
            const node = nodes[next.which % nodes.length]!;
            heap.delete(node);
            if (!out.includes(node)) out.push(node);
          }
          expect(heap.size).toBe(inside().length);
        }
        const expected = inside();
        expect(expected.map(() => heap.pop())).toEqual(expected);
        expect(heap.pop()).toBeUndefined();
      }),
    );
  });
});

describe('TimerHeap', () => {
  it('runs timers when due and in order, those of the same time in order of arrival', async () => {
    const clock = new FakeClock(0);
    const timers = new TimerHeap(clock);
    const ran: string[] = [];
    for (const [name, at] of Object.entries({ c: 30, a: 10, d: 30, b: 20 })) {
      timers.add(at, () => ran.push(`${name} at ${clock.now()}`));
    }
    await clock.advance(29);
    expect(ran).toEqual(['a at 10', 'b at 20']);
    await clock.advance(1);
    expect(ran).toEqual(['a at 10', 'b at 20', 'c at 30', 'd at 30']);
  });

  it('arms one system timer however many there are, and none if there are none', async () => {
    const clock = new FakeClock(0);
    const timers = new TimerHeap(clock);
    expect(clock.armed).toBe(0);
    const all = Array.from({ length: 1000 }, (_, index) => timers.add(1000 - index, () => undefined));
    expect(clock.armed).toBe(1);
    for (const timer of all.slice(0, 999)) timers.delete(timer);
    expect(clock.armed).toBe(1);
    timers.delete(all[999]!);
    timers.delete(all[999]!);
    expect(clock.armed).toBe(0);
    timers.add(5, () => undefined);
    await clock.advance(5);
    expect(clock.armed).toBe(0);
    timers.add(50, () => undefined);
    timers.clear();
    expect([clock.armed, timers.size]).toEqual([0, 0]);
  });

  it('is armed for the earliest, even if that is added last', async () => {
    const clock = new FakeClock(0);
    const timers = new TimerHeap(clock);
    const ran: number[] = [];
    timers.add(100, () => ran.push(clock.now()));
    const gone = timers.add(5, () => ran.push(-1));
    timers.add(10, () => ran.push(clock.now()));
    timers.delete(gone);
    await clock.advance(200);
    expect(ran).toEqual([10, 100]);
  });

  it('accepts timers added while it runs, and never runs them synchronously', async () => {
    const clock = new FakeClock(0);
    const timers = new TimerHeap(clock);
    const ran: string[] = [];
    timers.add(10, () => {
      ran.push('first');
      timers.add(15, () => ran.push('second'));
    });
    timers.add(0, () => ran.push('at once'));
    expect(ran).toEqual([]);
    await clock.advance(0);
    expect(ran).toEqual(['at once']);
    await clock.advance(20);
    expect(ran).toEqual(['at once', 'first', 'second']);
  });

  it('makes up for a clock that jumped at the next read, and only once', async () => {
    const clock = new FakeClock(0);
    const timers = new TimerHeap(clock);
    let ran = 0;
    timers.add(1000, () => ran++);
    clock.jump(5000);
    timers.runDue();
    expect(ran).toBe(1);
    await clock.advance(5000);
    expect(ran).toBe(1);
  });

  it('keeps waiting if the system timer fires too early', () => {
    let now = 0;
    const armed: { delay: number; run: () => void }[] = [];
    const timers = new TimerHeap({ now: () => now, schedule: (delay, run) => (armed.push({ delay, run }), () => 0) });
    let ran = 0;
    timers.add(1000, () => ran++);
    now = 999;
    armed[0]!.run();
    expect(ran).toBe(0);
    expect(armed.map((timer) => timer.delay)).toEqual([1000, 1]);
    now = 1000;
    armed[1]!.run();
    expect(ran).toBe(1);
    expect(armed).toHaveLength(2);
  });
});
