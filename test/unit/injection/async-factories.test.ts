import { describe, expect, it } from '@jest/globals';
import { Injector } from '../../../src/injection/injector.js';
import type { Provider } from '../../../src/injection/providers.js';
import { injectable } from '../../../src/injection/tsyringe.js';
import { injectorOf, planOf, rejectionOf, started } from './planning.js';

class Pool {
  constructor(readonly size: number) {}
}

@injectable()
class Warehouse {
  constructor(readonly pool: Pool) {}
}

@injectable()
class Tools {
  constructor(readonly warehouse: Warehouse) {}
}

const pool = (lifetime: 'singleton' | 'call' | 'transient'): Provider => ({
  provide: Pool,
  useFactory: async (size: number) => new Pool(await Promise.resolve(size)),
  inject: ['size'],
  lifetime,
});
const size: Provider = { provide: 'size', useFactory: () => Promise.resolve(7) };

describe('an asynchronous factory', () => {
  it.each(['singleton', 'call', 'transient'] as const)('is awaited wherever it sits (%s)', async (lifetime) => {
    const { open } = await started(
      [size, pool(lifetime), { provide: Warehouse, useClass: Warehouse, lifetime }],
      [Pool],
      { component: { target: Tools } },
    );
    const { component, args } = await open();
    expect([(component as Tools).warehouse.pool, ...args]).toEqual([new Pool(7), new Pool(7)]);
  });

  it('makes opening a call asynchronous only when the call runs it', async () => {
    const injector = injectorOf([size, pool('singleton'), Warehouse]);
    const plan = planOf(injector, [], { component: { target: Tools } });
    await injector.start();
    expect(plan.open(undefined)).not.toBeInstanceOf(Promise);
    const slow = injectorOf([size, pool('call')]);
    const slowPlan = planOf(slow, [Pool]);
    await slow.start();
    expect(slowPlan.open(undefined)).toBeInstanceOf(Promise);
  });

  it('may return any thenable', async () => {
    const thenable = { then: (resolve: (value: string) => void) => resolve('given') };
    const { open } = await started([{ provide: 'x', useFactory: () => thenable, lifetime: 'call' }], ['x']);
    expect((await open()).args).toEqual(['given']);
  });

  it('fails the call, or the start, with an error that names it and has its own as the cause', async () => {
    const failure = new TypeError('no connection');
    const failing = (lifetime: 'call' | 'singleton'): Provider => ({
      provide: 'x',
      useFactory: () => Promise.reject(failure),
      lifetime,
    });
    const { open } = await started([failing('call')], ['x']);
    const expected = { code: 'PROVIDER_FAILED', cause: failure };
    expect(await rejectionOf(open())).toMatchObject(expected);
    expect(await rejectionOf(started([failing('singleton')], ['x']))).toMatchObject(expected);
  });
});

describe('simultaneous calls', () => {
  it('share no call-scoped instances', async () => {
    interface Frame {
      readonly id: number;
    }
    const disposed = new Set<unknown>();
    const injector = new Injector<Frame>({
      providers: [
        size,
        {
          provide: Pool,
          useFactory: async (id: number) => {
            for (let turn = id % 5; turn > 0; turn--) await Promise.resolve();
            return new Pool(id);
          },
          inject: ['id'],
          lifetime: 'call',
          dispose: (instance: Pool) => disposed.add(instance),
        },
        { provide: Warehouse, useClass: Warehouse, lifetime: 'transient' },
      ],
      builtIns: [{ token: 'id', modes: ['foreground'], call: ({ id }) => id }],
    });
    const plan = planOf(injector, [Pool, Warehouse, 'size'], { component: { target: Tools } });
    await injector.start();
    const ids = Array.from({ length: 1000 }, (_, id) => id);
    const calls = await Promise.all(ids.map(async (id) => plan.open({ id })));
    const pools = calls.map(({ component, args }, id) => {
      const [own, warehouse, common] = args as [Pool, Warehouse, number];
      expect([own.size, warehouse.pool === own, (component as Tools).warehouse.pool === own, common]).toEqual([
        id,
        true,
        true,
        7,
      ]);
      expect(warehouse).not.toBe((component as Tools).warehouse);
      return own;
    });
    await Promise.all(calls.map((call) => call.dispose()));
    expect([new Set(pools).size, disposed.size]).toEqual([1000, 1000]);
  });
});
