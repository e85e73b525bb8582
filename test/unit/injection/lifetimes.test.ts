import { describe, expect, it } from '@jest/globals';
import type { Lifetime } from '../../../src/injection/providers.js';
import { injectable } from '../../../src/injection/tsyringe.js';
import { injectorOf, planOf, rejectionOf, started } from './planning.js';

class Pool {}

@injectable()
class One {
  constructor(readonly pool: Pool) {}
}

@injectable()
class Other {
  constructor(readonly pool: Pool) {}
}

@injectable()
class Tools {
  constructor(
    readonly one: One,
    readonly other: Other,
  ) {}
}

/** The pools of two calls: twice through classes, once as a parameter. */
async function pools(lifetime: Lifetime, holders: Lifetime): Promise<Pool[][]> {
  const { open } = await started(
    [
      { provide: Pool, useClass: Pool, lifetime },
      { provide: One, useClass: One, lifetime: holders },
      { provide: Other, useClass: Other, lifetime: holders },
    ],
    [Pool],
    { component: { target: Tools } },
  );
  const calls = [await open(), await open()];
  return calls.map(({ component, args }) => {
    const { one, other } = component as Tools;
    return [one.pool, other.pool, args[0] as Pool];
  });
}

const distinct = (values: readonly unknown[]): number => new Set(values).size;

describe('lifetimes', () => {
  it('singleton: one for all calls', async () => {
    expect(distinct((await pools('singleton', 'call')).flat())).toBe(1);
  });

  it('call: one per call, however many need it', async () => {
    const [first = [], second = []] = await pools('call', 'transient');
    expect([distinct(first), distinct(second), distinct([...first, ...second])]).toEqual([1, 1, 2]);
  });

  it('transient: one for each dependent', async () => {
    expect(distinct((await pools('transient', 'call')).flat())).toBe(6);
  });

  it('transient below singletons: one for each of them, for as long as they live', async () => {
    const [first = [], second = []] = await pools('transient', 'singleton');
    expect(first.slice(0, 2)).toEqual(second.slice(0, 2));
    expect(first[0]).toBe(second[0]);
    expect(distinct([...first, ...second])).toBe(4);
  });

  it('default to singleton for providers and call for component classes', async () => {
    const { open } = await started([Pool, One, Other], [One], { component: { target: Tools } });
    const [first, second] = [await open(), await open()];
    expect(first.args[0]).toBe(second.args[0]);
    expect(first.component).not.toBe(second.component);
  });
});

describe('a component class', () => {
  it('is shared by the plans of all its methods when it is a singleton', async () => {
    const injector = injectorOf([Pool, One, Other]);
    const component = { target: Tools, lifetime: 'singleton' } as const;
    const plans = [planOf(injector, [], { component }), planOf(injector, [], { component })];
    await injector.start();
    const [first, second] = await Promise.all(plans.map(async (plan) => plan.open({})));
    expect(first?.component).toBe(second?.component);
    expect(first?.component).toBeInstanceOf(Tools);
  });

  it('keeps its lifetime when it is also listed in providers', async () => {
    const { open } = await started([Pool, One, Other, Tools], [Tools], { component: { target: Tools } });
    const [first, second] = [await open(), await open()];
    expect(first.args[0]).toBe(second.args[0]);
    expect(distinct([first.component, second.component, first.args[0]])).toBe(3);
  });

  it('is the listed singleton when it is a singleton itself', async () => {
    const { open } = await started([Pool, One, Other, Tools], [Tools], {
      component: { target: Tools, lifetime: 'singleton' },
    });
    const { component, args } = await open();
    expect(component).toBe(args[0]);
  });

  it('is built by its provider, if there is one', async () => {
    const fake = { one: 'fake' };
    const { open } = await started([{ provide: Tools, useValue: fake }], [], { component: { target: Tools } });
    expect((await open()).component).toBe(fake);
  });
});

describe('start and close', () => {
  it('build singletons once, in dependency order, and only those that a plan needs', async () => {
    const built: string[] = [];
    const factory = (name: string, ...inject: string[]) => ({
      provide: name,
      useFactory: (...args: never[]) => built.push(`${name}(${args.length})`),
      inject,
    });
    const injector = injectorOf([
      factory('top', 'left', 'right'),
      factory('left', 'bottom'),
      factory('right', 'bottom'),
      factory('bottom'),
      factory('unused'),
    ]);
    planOf(injector, ['top']);
    expect(built).toEqual([]);
    await Promise.all([injector.start(), injector.start()]);
    await injector.start();
    expect(built).toEqual(['bottom(0)', 'left(1)', 'right(1)', 'top(2)']);
    planOf(injector, ['unused', 'top']);
    await injector.start();
    expect(built.slice(4)).toEqual(['unused(0)']);
  });

  it('bound the time in which calls can be opened', async () => {
    const injector = injectorOf([Pool]);
    const plan = planOf(injector, [Pool]);
    expect(() => plan.open({})).toThrow(
      'Tools.run → Pool: the singletons have not been built yet. Await start() first.',
    );
    await injector.start();
    await plan.open({});
    await injector.close();
    expect(() => plan.open({})).toThrow('The server has been closed, and its instances have been disposed.');
    expect(await rejectionOf(injector.start())).toMatchObject({ code: 'CONTAINER_DISPOSED' });
    await injector.close();
  });
});
