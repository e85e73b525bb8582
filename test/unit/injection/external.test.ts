import { describe, expect, it } from '@jest/globals';
import 'reflect-metadata';
import { container } from 'tsyringe';
import { fromTsyringe, isTsyringeContainer, type ExternalContainer } from '../../../src/injection/external.js';
import { Injector } from '../../../src/injection/injector.js';
import type { InjectionToken } from '../../../src/injection/tokens.js';
import { injectable } from '../../../src/injection/tsyringe.js';
import { planOf, requestFor, thrownBy } from './planning.js';

class Pool {
  disposed = 0;
  dispose(): void {
    this.disposed++;
  }
}

@injectable()
class Warehouse {
  constructor(readonly pool: Pool) {}
}

describe('an outer tsyringe container', () => {
  it('supplies what is registered there or in its parents, as singletons that it owns', async () => {
    const parent = container.createChildContainer();
    const outer = parent.createChildContainer();
    parent.register(Pool, { useClass: Pool });
    outer.register('part', { useValue: 1 }).register('part', { useValue: 2 });
    const injector = new Injector({ providers: [Warehouse], builtIns: [], external: fromTsyringe(outer) });
    const plan = planOf(injector, [Warehouse, Pool, 'part'], {
      injections: [requestFor('part', { all: true }), requestFor(Pool)],
    });
    const held = planOf(injector, [Warehouse]);
    await injector.start();
    const [parts, pool] = (await plan.open({})).args as [number[], Pool];
    expect(parts).toEqual([1, 2]);
    expect((await plan.open({})).args[1]).toBe(pool);
    expect(((await held.open({})).args[0] as Warehouse).pool).toBe(pool);
    await injector.close();
    expect(pool.disposed).toBe(0);
  });

  it('gives way to providers, and does not build unregistered classes', () => {
    const outer = container.createChildContainer();
    outer.register(Pool, { useValue: 'theirs' as never });
    const injector = new Injector({
      providers: [{ provide: Pool, useValue: 'ours' }],
      builtIns: [],
      external: fromTsyringe(outer),
    });
    expect(planOf(injector, [Pool]).open({})).toMatchObject({ args: ['ours'] });
    expect(thrownBy(() => planOf(injector, [Warehouse]))).toMatchObject({ code: 'TOKEN_NOT_REGISTERED' });
    expect(injector.with([{ provide: Pool, useValue: 'fake' }])).toBeInstanceOf(Injector);
  });

  it('is recognized by its shape', () => {
    expect(isTsyringeContainer(container.createChildContainer())).toBe(true);
    expect([{ resolve: () => 1 }, null, 'container', undefined].map(isTsyringeContainer)).not.toContain(true);
  });
});

describe('a host that builds instances for each call', () => {
  interface Frame {
    readonly id: number;
  }
  class Request {
    constructor(readonly id: number | undefined) {}
    dispose(): void {
      throw new RangeError('not ours to dispose');
    }
  }
  class Shared extends Request {}
  class Tools extends Request {}

  function host(resolve: (token: InjectionToken, frame: Frame | undefined) => unknown): ExternalContainer<Frame> {
    return {
      has: (token) => [Request, Shared, Tools].includes(token as typeof Request),
      lifetime: (token) => (token === Shared ? 'singleton' : 'call'),
      resolve,
    };
  }
  const made = (token: InjectionToken, frame?: Frame): Request => new (token as typeof Request)(frame?.id);

  it.each<[string, ExternalContainer<Frame>]>([
    ['synchronous', host(made)],
    ['asynchronous', host(async (token, frame) => made(token, frame))],
  ])('supplies one per call, singletons without a frame, and component classes (%s)', async (_how, external) => {
    const injector = new Injector<Frame>({ providers: [], builtIns: [], external });
    const plan = planOf(injector, [], {
      component: { target: Tools },
      injections: [requestFor(Request), requestFor(Request), requestFor(Shared), requestFor(Request, { all: true })],
    });
    await injector.start();
    const [first, second] = await Promise.all([plan.open({ id: 1 }), plan.open({ id: 2 })]);
    const [request, same, shared, several] = first.args as [Request, Request, Shared, Request[]];
    expect([request.id, same === request, shared.id, several]).toEqual([1, true, undefined, [new Request(1)]]);
    expect([second.args[0], second.args[2] === shared, first.component]).toEqual([new Request(2), true, new Tools(1)]);
    await first.dispose();
    await second.dispose();
    await injector.close();
  });

  it('cannot be injected into singletons, and may not return undefined', async () => {
    const external = host(() => undefined);
    const holder = { provide: 'holder', useFactory: (request: Request) => request, inject: [Request] };
    const injector = new Injector<Frame>({ providers: [holder], builtIns: [], external });
    expect(thrownBy(() => planOf(injector, ['holder']))).toMatchObject({
      code: 'CAPTIVE_DEPENDENCY',
      message: expect.stringContaining('Tools.run → "holder" → Request: ') as unknown,
    });
    const plan = planOf(injector, [Request]);
    await injector.start();
    expect(thrownBy(() => plan.open({ id: 1 }))).toMatchObject({ code: 'PROVIDER_UNDEFINED' });
  });
});
