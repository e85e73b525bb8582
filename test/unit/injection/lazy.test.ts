import { describe, expect, it } from '@jest/globals';
import { inject } from '../../../src/injection/inject.js';
import type { Provider } from '../../../src/injection/providers.js';
import { lazy, type Lazy } from '../../../src/injection/tokens.js';
import { delay, injectable } from '../../../src/injection/tsyringe.js';
import { injectorOf, makeGate, planOf, rejectionOf, started } from './planning.js';

type Late<T = unknown> = () => Promise<T>;

function counted(name: string, log: string[], inject: readonly string[] = [], wait?: Promise<void>): Provider {
  return {
    provide: name,
    useFactory: async (...args: never[]) => {
      log.push(`+${name}${args.length}`);
      await wait;
      return { name };
    },
    inject,
    lifetime: 'call',
    dispose: () => log.push(`-${name}`),
  };
}

describe('lazy', () => {
  it('builds on first use, once per call, even for simultaneous requests and shared dependencies', async () => {
    const log: string[] = [];
    const { open } = await started(
      [counted('shared', log), counted('x', log, ['shared']), counted('y', log, ['shared'])],
      [lazy('x'), lazy('x'), lazy('y')],
    );
    const call = await open();
    const [x, again, y] = call.args as [Late, Late, Late];
    expect(log).toEqual([]);
    const [first, second, third] = await Promise.all([x(), again(), y()]);
    expect(first).toBe(second);
    expect([first, third]).toEqual([{ name: 'x' }, { name: 'y' }]);
    expect(log.slice().sort()).toEqual(['+shared0', '+x1', '+y1']);
    expect(await x()).toBe(first);
    const other = await open();
    expect(await (other.args[0] as Late)()).not.toBe(first);
    await call.dispose();
    expect(log.slice(-3)).toEqual([expect.stringMatching('-[xy]'), expect.stringMatching('-[xy]'), '-shared']);
    await other.dispose();
  });

  it('shares the instances that the call already has', async () => {
    const log: string[] = [];
    const { open } = await started(
      [counted('shared', log), counted('x', log, ['shared'])],
      ['shared', lazy('x'), lazy('shared')],
    );
    const call = await open();
    await (call.args[1] as Late)();
    expect(await (call.args[2] as Late)()).toBe(call.args[0]);
    expect(log).toEqual(['+shared0', '+x1']);
    await call.dispose();
  });

  it('returns singletons, which were built when the server started', async () => {
    let built = 0;
    const { open, injector } = await started([{ provide: 's', useFactory: async () => ++built }], [lazy('s')]);
    expect(built).toBe(1);
    const call = await open();
    expect(await (call.args[0] as Late)()).toBe(1);
    await injector.close();
  });

  it('builds a transient for each request', async () => {
    const { open } = await started(
      [{ provide: 't', useFactory: () => ({}), lifetime: 'transient' }],
      [lazy('t'), lazy('t')],
    );
    const [one, other] = (await open()).args as [Late, Late];
    expect(await one()).toBe(await one());
    expect(await one()).not.toBe(await other());
  });

  it('fails after the end of the call, whether it was used before or not', async () => {
    const log: string[] = [];
    const { open } = await started([counted('x', log), counted('y', log)], [lazy('x'), lazy('y')]);
    const call = await open();
    const [x, y] = call.args as [Late, Late];
    await x();
    expect(call.disposable).toBe(true);
    await call.dispose();
    for (const late of [x, y]) expect(await rejectionOf(late())).toMatchObject({ code: 'CONTAINER_DISPOSED' });
    expect(await rejectionOf(y())).toMatchObject({
      message:
        'Tools.run → lazy("y") was requested after its call or server had ended. Await it before the method returns.',
    });
    expect(log).toEqual(['+x0', '-x']);
  });

  it('disposes an instance that is still being built when the call ends, and builds no more', async () => {
    const log: string[] = [];
    const { passed, open: release } = makeGate();
    const { open } = await started([counted('slow', log, [], passed), counted('x', log, ['slow'])], [lazy('x')]);
    const call = await open();
    const asked = rejectionOf((call.args[0] as Late)());
    await Promise.resolve();
    await Promise.resolve();
    expect(log).toEqual(['+slow0']);
    const disposed = call.dispose();
    release();
    await disposed;
    expect(log).toEqual(['+slow0', '-slow']);
    expect(await asked).toMatchObject({ code: 'CONTAINER_DISPOSED' });
  });

  it('keeps only the dependencies of an unfinished instance, and disposes it when it arrives after the end', async () => {
    const log: string[] = [];
    const { passed, open: release } = makeGate();
    const { open } = await started(
      [counted('used', log), counted('slow', log, ['used'], passed), counted('other', log)],
      ['used', 'other', lazy('slow')],
    );
    const call = await open();
    const asked = rejectionOf((call.args[2] as Late)());
    while (!log.includes('+slow1')) await Promise.resolve();
    const disposed = call.dispose();
    while (!log.includes('-other')) await Promise.resolve();
    expect(log).not.toContain('-used');
    release();
    await disposed;
    expect(log.slice(3)).toEqual(['-other', '-slow', '-used']);
    expect(await asked).toMatchObject({ code: 'CONTAINER_DISPOSED' });
    expect(call.disposable).toBe(true);
    await call.dispose();
    expect(log).toHaveLength(6);
  });

  it('reports every error of a disposal in two parts', async () => {
    const { passed, open: release } = makeGate();
    const failing = (name: string, wait?: Promise<void>): Provider => ({
      provide: name,
      lifetime: 'call',
      useFactory: () => (wait ? wait.then(() => name) : name),
      dispose: () => Promise.reject(new Error(`${name} stays`)),
    });
    const { open } = await started([failing('made'), failing('slow', passed)], ['made', lazy('slow')]);
    const call = await open();
    const asked = rejectionOf((call.args[1] as Late)());
    await Promise.resolve();
    await Promise.resolve();
    const disposed = rejectionOf(call.dispose());
    release();
    expect(await disposed).toMatchObject({ errors: [{ message: 'made stays' }, { message: 'slow stays' }] });
    await asked;
  });

  it('can be called again after a failure', async () => {
    let attempts = 0;
    const { open } = await started(
      [
        {
          provide: 'x',
          useFactory: () => (++attempts === 1 ? Promise.reject(new Error('busy')) : attempts),
          lifetime: 'call',
        },
      ],
      [lazy('x')],
    );
    const call = await open();
    const x = call.args[0] as Late;
    expect(await Promise.all([rejectionOf(x()), rejectionOf(x())])).toMatchObject([
      { cause: { message: 'busy' } },
      { cause: { message: 'busy' } },
    ]);
    expect(await x()).toBe(2);
    await call.dispose();
  });

  it('breaks a cycle', async () => {
    @injectable()
    class Chicken {
      constructor(@inject(lazy(delay(() => Egg))) readonly egg: () => Promise<Egg>) {}
    }
    @injectable()
    class Egg {
      constructor(readonly chicken: Chicken) {}
    }
    for (const lifetime of ['singleton', 'call'] as const) {
      const providers = [Chicken, Egg].map((target) => ({ provide: target, useClass: target, lifetime }));
      const { open } = await started(providers, [Chicken]);
      const [chicken] = (await open()).args as [Chicken];
      expect((await chicken.egg()).chicken).toBe(chicken);
    }
  });

  describe.each(['singleton', 'call'] as const)('awaited by factories in a cycle (%s)', (lifetime) => {
    const awaiting = (name: string, inject: Lazy | string): Provider => ({
      provide: name,
      useFactory: async (late: unknown) => ({ late: typeof late === 'function' ? await (late as Late)() : late }),
      inject: [inject],
      lifetime,
    });
    const openedWith = async (...providers: Provider[]): Promise<unknown> => {
      const { open } = await started(providers, ['a']);
      return open();
    };

    it.each<[string, Provider[], string]>([
      ['of two', [awaiting('a', lazy('b')), awaiting('b', lazy('a'))], '"b") → lazy("a")'],
      ['of one', [awaiting('a', lazy('a'))], '→ lazy("a")'],
      ['that is partly direct', [awaiting('a', lazy('b')), awaiting('b', 'a')], '→ lazy("b")'],
      ['of three', [awaiting('a', lazy('b')), awaiting('b', lazy('c')), awaiting('c', lazy('a'))], '"c") → lazy("a")'],
    ])('%s is refused with its path', async (_what, providers, path) => {
      expect(await rejectionOf(openedWith(...providers))).toMatchObject({
        code: 'DEPENDENCY_CYCLE',
        message: expect.stringContaining(`${path}: would wait forever`) as unknown,
      });
    });

    it('works when one of them keeps the function for later', async () => {
      const keeping: Provider = { provide: 'b', useFactory: (late: Late) => ({ late }), inject: [lazy('a')], lifetime };
      const { open } = await started([awaiting('a', lazy('b')), keeping], ['a']);
      const [a] = (await open()).args as [{ late: { late: Late } }];
      expect(await a.late.late()).toBe(a);
    });
  });

  it('may be called by a factory while the call opens', async () => {
    const log: string[] = [];
    const asking: Provider = {
      provide: 'asking',
      useFactory: async (x: Late) => [await x()],
      inject: [lazy('x')],
      lifetime: 'call',
    };
    const { open } = await started([asking, counted('late', log), counted('x', log, ['late'])], ['asking', 'late']);
    const call = await open();
    expect(call.args).toEqual([[{ name: 'x' }], { name: 'late' }]);
    expect(log).toEqual(['+late0', '+x1']);
    await call.dispose();
    expect(log.slice(2)).toEqual(['-x', '-late']);
  });

  it('may be called by a constructor while the call opens synchronously', async () => {
    const log: string[] = [];
    @injectable()
    class Eager {
      readonly started: Promise<unknown>;
      constructor(@inject(lazy('x')) x: Late) {
        this.started = x();
      }
    }
    const sync = (name: string, inject: string[] = []): Provider => ({
      provide: name,
      useFactory: (...args: never[]) => ({ name, from: log.push(`+${name}`) + args.length }),
      inject,
      lifetime: 'call',
    });
    const { open } = await started([sync('late'), sync('x', ['late'])], ['late'], { component: { target: Eager } });
    const { component, args } = await open();
    await (component as Eager).started;
    expect(log).toEqual(['+late', '+x']);
    expect(args[0]).toMatchObject({ name: 'late' });
  });

  it('fails in singletons once the server has closed', async () => {
    const injector = injectorOf([
      { provide: 'holder', useFactory: (late: Late) => ({ late }), inject: [lazy('t')] },
      { provide: 't', useFactory: () => 1, lifetime: 'transient' },
    ]);
    const plan = planOf(injector, ['holder']);
    await injector.start();
    const { late } = (await plan.open({})).args[0] as { late: Late };
    expect(await late()).toBe(1);
    await injector.close();
    expect(await rejectionOf(late())).toMatchObject({ code: 'CONTAINER_DISPOSED' });
  });
});
