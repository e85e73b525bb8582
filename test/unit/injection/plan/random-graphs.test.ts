import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Lifetime, Provider } from '../../../../src/injection/providers.js';
import { lazy, type InjectionRequest } from '../../../../src/injection/tokens.js';
import { injectorOf, planOf, rejectionOf } from '../planning.js';

interface Node {
  readonly lifetime: Lifetime;
  readonly later: boolean;
  readonly failsToEnd: boolean;
  /** Whether and how each earlier node is needed. */
  readonly needs: readonly ('no' | 'yes' | 'lazy')[];
}

const size = 8;
const node = fc.record<Node>({
  lifetime: fc.constantFrom('singleton', 'call', 'transient'),
  later: fc.boolean(),
  failsToEnd: fc.boolean(),
  needs: fc.array(fc.constantFrom('no', 'no', 'yes', 'lazy'), { minLength: size, maxLength: size }),
});

type Late = () => Promise<Instance>;
interface Instance {
  readonly name: string;
  readonly parts: readonly (Instance | Late)[];
}

/** The instances that were built and disposed. */
class Ledger {
  readonly made: Instance[] = [];
  readonly ended: Instance[] = [];
  private failing = 0;

  providers(nodes: readonly Node[]): Provider[] {
    return nodes.map((node, index) => ({
      provide: `${index}`,
      inject: node.needs.slice(0, index).flatMap<InjectionRequest>((need, other) => {
        if (need === 'no') return [];
        return [need === 'lazy' ? lazy(`${other}`) : `${other}`];
      }),
      lifetime: node.lifetime,
      useFactory: (...parts: never[]) => {
        const make = (): Instance => {
          const instance = { name: `${index}`, parts };
          this.made.push(instance);
          return instance;
        };
        return node.later ? Promise.resolve().then(make) : make();
      },
      dispose: (instance: Instance) => {
        this.ended.push(instance);
        if (!node.failsToEnd) return;
        this.failing++;
        throw new RangeError(instance.name);
      },
    }));
  }

  /** Runs a disposal, which fails exactly when a disposer failed. */
  async end(end: () => Promise<void>): Promise<void> {
    const before = this.failing;
    const error = await rejectionOf(end());
    const failed = this.failing - before;
    if (failed === 0) expect(error).toBe('nothing was thrown');
    else expect((error as AggregateError).errors).toHaveLength(failed);
  }
}

/** Calls every lazy function below an instance once. */
async function useLazily(parts: readonly (Instance | Late)[], seen: Set<unknown>): Promise<void> {
  for (const part of parts) {
    const instance = typeof part === 'function' ? await part() : part;
    if (seen.has(instance)) continue;
    seen.add(instance);
    await useLazily(instance.parts, seen);
  }
}

describe('random graphs', () => {
  it('are refused, or dispose every instance once, in reverse order of creation', async () => {
    let served = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(node, { minLength: 1, maxLength: size }), fc.boolean(), async (nodes, overlapping) => {
        const ledger = new Ledger();
        const injector = injectorOf(ledger.providers(nodes));
        let plan;
        try {
          plan = planOf(
            injector,
            nodes.map((_, index) => `${index}`),
          );
        } catch (error) {
          expect(error).toMatchObject({ code: 'CAPTIVE_DEPENDENCY' });
          return;
        }
        served++;
        await injector.start();
        const shared = ledger.made.length;
        const calls = [await plan.open(undefined)];
        if (overlapping) calls.push(await plan.open(undefined));
        for (const call of calls) {
          const before = new Set(ledger.made);
          await useLazily(call.args as Instance[], new Set());
          const lazily = ledger.made.filter((instance) => !before.has(instance));
          const ended = ledger.ended.length;
          await ledger.end(() => call.dispose());
          const disposed = ledger.ended.slice(ended);
          // Other calls built instances in between, so only the order among these counts.
          const order = disposed.map((instance) => ledger.made.indexOf(instance));
          expect(order).toEqual(order.slice().sort((one, other) => other - one));
          const inServer = (instance: Instance): boolean => !disposed.includes(instance);
          for (const instance of lazily.filter(inServer)) {
            expect(nodes[Number(instance.name)]?.lifetime).toBe('transient');
          }
        }
        await ledger.end(() => injector.close());
        expect(new Set(ledger.ended).size).toBe(ledger.ended.length);
        expect(new Set(ledger.ended)).toEqual(new Set(ledger.made));
        expect(ledger.made.slice(0, shared).every((instance) => ledger.ended.includes(instance))).toBe(true);
        const last = ledger.ended.slice(-shared).map((instance) => ledger.made.indexOf(instance));
        expect(shared === 0 || last.every((position, index) => index === 0 || position < (last[index - 1] ?? 0))).toBe(
          true,
        );
      }),
      { numRuns: 400 },
    );
    expect(served).toBeGreaterThan(20);
  });
});
