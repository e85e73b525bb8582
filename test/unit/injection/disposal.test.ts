import { describe, expect, it } from '@jest/globals';
import { ErrandError } from '../../../src/base/errors.js';
import type { Lifetime, Provider } from '../../../src/injection/providers.js';
import { injectable } from '../../../src/injection/tsyringe.js';
import { injectorOf, makeGate, planOf, rejectionOf, started } from './planning.js';

/** Makes providers that record when they are built and disposed. */
class Diary {
  readonly lines: string[] = [];

  provider(
    name: string,
    inject: readonly string[] = [],
    options: { lifetime?: Lifetime; fail?: boolean; failDispose?: boolean; later?: boolean } = {},
  ): Provider {
    const make = (): string => {
      if (options.fail) throw new TypeError(`no ${name}`);
      this.lines.push(`+${name}`);
      return name;
    };
    return {
      provide: name,
      useFactory: (...args: never[]) => (args.length < 0 || !options.later ? make() : Promise.resolve().then(make)),
      inject,
      lifetime: options.lifetime ?? 'call',
      dispose: (instance: string) => {
        this.lines.push(`-${instance}`);
        if (options.failDispose) throw new RangeError(`${instance} stays`);
      },
    };
  }
}

describe('the end of a call', () => {
  it('disposes in reverse order of creation', async () => {
    const diary = new Diary();
    const { open } = await started(
      [diary.provider('a'), diary.provider('b', ['a'], { later: true }), diary.provider('c', ['a'])],
      ['c', 'b'],
    );
    const call = await open();
    expect(call.disposable).toBe(true);
    await Promise.all([call.dispose(), call.dispose()]);
    await call.dispose();
    expect(diary.lines).toEqual(['+a', '+c', '+b', '-b', '-c', '-a']);
    expect(call.disposable).toBe(false);
  });

  it('disposes everything even if some disposers throw, and reports all errors', async () => {
    const diary = new Diary();
    const { open } = await started(
      [
        diary.provider('a', [], { failDispose: true }),
        diary.provider('b'),
        diary.provider('c', [], { failDispose: true }),
      ],
      ['a', 'b', 'c'],
    );
    const error = await rejectionOf((await open()).dispose());
    expect(diary.lines.slice(3)).toEqual(['-c', '-b', '-a']);
    expect((error as AggregateError).errors).toMatchObject([{ message: 'c stays' }, { message: 'a stays' }]);
  });

  it('has nothing to do when nothing can be disposed', async () => {
    class Plain {}
    const { open } = await started([{ provide: Plain, useClass: Plain, lifetime: 'call' }], [Plain]);
    const call = await open();
    expect(call.disposable).toBe(false);
    await call.dispose();
  });
});

describe('a failure while opening', () => {
  it.each([false, true])(
    'disposes what was built so far and throws the first error (asynchronous: %p)',
    async (later) => {
      const diary = new Diary();
      const { open } = await started(
        [diary.provider('a'), diary.provider('b', ['a'], { later }), diary.provider('c', ['b'], { later, fail: true })],
        ['c'],
      );
      expect(await rejectionOf(open())).toMatchObject({
        code: 'PROVIDER_FAILED',
        cause: { name: 'TypeError', message: 'no c' },
      });
      expect(diary.lines).toEqual(['+a', '+b', '-b', '-a']);
    },
  );

  it('throws synchronously when there is nothing to dispose', () => {
    const diary = new Diary();
    const injector = injectorOf([diary.provider('a', [], { fail: true })]);
    const plan = planOf(injector, ['a']);
    expect(() => plan.open({})).toThrow('no a');
  });

  it('attaches the errors of the disposal', async () => {
    const diary = new Diary();
    const { open } = await started(
      [diary.provider('a', [], { failDispose: true }), diary.provider('b', ['a'], { fail: true })],
      ['b'],
    );
    expect(await rejectionOf(open())).toMatchObject({
      message: 'Tools.run → "b": its factory failed: no b',
      disposalError: { errors: [{ message: 'a stays' }] },
    });
  });

  it('keeps both errors when the first is frozen', async () => {
    const diary = new Diary();
    const { open } = await started(
      [
        diary.provider('a', [], { failDispose: true }),
        {
          provide: 'b',
          lifetime: 'call',
          useFactory: () => Promise.reject(Object.freeze(new ErrandError('CALL_CANCELLED', 'frozen'))),
        },
      ],
      ['a', 'b'],
    );
    const error = await rejectionOf(open());
    expect((error as AggregateError).errors).toMatchObject([
      { message: 'frozen' },
      { errors: [{ message: 'a stays' }] },
    ]);
  });

  it('disposes what a failed start built, and a later start tries again', async () => {
    const diary = new Diary();
    let broken = true;
    const injector = injectorOf([
      diary.provider('a', [], { lifetime: 'singleton' }),
      diary.provider('b', [], { lifetime: 'singleton' }),
      {
        provide: 'c',
        useFactory: () => (broken ? Promise.reject(new Error('not yet')) : 'c'),
      },
    ]);
    planOf(injector, ['a']);
    await injector.start();
    const plan = planOf(injector, ['b', 'c']);
    expect(await rejectionOf(injector.start())).toMatchObject({ cause: { message: 'not yet' } });
    expect(diary.lines).toEqual(['+a', '+b', '-b']);
    expect(() => plan.open({})).toThrow('Await start() first');
    broken = false;
    await injector.start();
    expect((await plan.open({})).args).toEqual(['b', 'c']);
    await injector.close();
    expect(diary.lines.slice(3)).toEqual(['+b', '-b', '-a']);
  });
});

describe('the end of the server', () => {
  it('disposes all singletons in reverse order', async () => {
    const diary = new Diary();
    const singleton = { lifetime: 'singleton' } as const;
    const { injector } = await started(
      [
        diary.provider('a', [], { ...singleton, failDispose: true }),
        diary.provider('t', ['a'], { lifetime: 'transient' }),
        diary.provider('b', ['t'], singleton),
      ],
      ['b'],
    );
    expect(await rejectionOf(injector.close())).toMatchObject({ errors: [{ message: 'a stays' }] });
    expect(diary.lines).toEqual(['+a', '+t', '+b', '-b', '-t', '-a']);
  });

  it('waits for a start that is under way', async () => {
    const diary = new Diary();
    const gate = makeGate();
    const injector = injectorOf([
      diary.provider('a', [], { lifetime: 'singleton' }),
      { provide: 'gate', useFactory: () => gate.passed.then(() => 'gate'), dispose: () => diary.lines.push('-gate') },
      diary.provider('never', [], { lifetime: 'singleton' }),
    ]);
    planOf(injector, ['a', 'gate', 'never']);
    const start = rejectionOf(injector.start());
    while (diary.lines.length === 0) await Promise.resolve();
    const close = injector.close();
    gate.open();
    await close;
    expect(await start).toMatchObject({ code: 'CONTAINER_DISPOSED' });
    expect(diary.lines).toEqual(['+a', '-gate', '-a']);
  });

  it('is the only time that singletons are disposed', async () => {
    const diary = new Diary();
    const { open, injector } = await started(
      [diary.provider('s', [], { lifetime: 'singleton' }), diary.provider('c', ['s'])],
      ['c'],
    );
    await (await open()).dispose();
    expect(diary.lines).toEqual(['+s', '+c', '-c']);
    await injector.close();
  });
});

describe('the disposer of an instance', () => {
  const ended: string[] = [];
  class Base {
    readonly kind = this.constructor.name;
    protected end(): void {
      ended.push(this.kind);
    }
  }
  class Async extends Base {
    async [Symbol.asyncDispose](): Promise<void> {
      await Promise.resolve();
      this.end();
    }
    [Symbol.dispose](): void {
      ended.push('wrong');
    }
  }
  class Sync extends Base {
    [Symbol.dispose](): void {
      this.end();
    }
  }
  class Tsyringe extends Base {
    dispose(): void {
      this.end();
    }
  }
  class Other extends Base {
    dispose(force: boolean): void {
      ended.push(`wrong ${force}`);
    }
  }
  const lifetime = 'call';

  async function endedBy(providers: readonly Provider[], ...tokens: string[]): Promise<string[]> {
    ended.length = 0;
    const { open, injector } = await started(providers, tokens);
    await (await open()).dispose();
    await injector.close();
    return [...ended];
  }
  const classes = [Async, Sync, Tsyringe, Other].map(
    (useClass, index) => ({ provide: `${index}`, useClass, lifetime }) as const,
  );

  it('is its dispose method, as defined by the language or tsyringe', async () => {
    expect(await endedBy(classes, '0', '1', '2', '3')).toEqual(['Tsyringe', 'Sync', 'Async']);
  });

  it("is the provider's, if it has one", async () => {
    const provider = { provide: 'x', useClass: Async, lifetime, dispose: () => ended.push('mine') } as const;
    expect(await endedBy([provider], 'x')).toEqual(['mine']);
  });

  it('is also found on what factories return, except for a plain dispose()', async () => {
    const factories = [Async, Sync, Tsyringe].map(
      (Made, index) => ({ provide: `${index}`, useFactory: () => new Made(), lifetime }) as const,
    );
    expect(await endedBy(factories, '0', '1', '2')).toEqual(['Sync', 'Async']);
  });

  it('is never called for values', async () => {
    expect(await endedBy([{ provide: 'x', useValue: new Sync() }], 'x')).toEqual([]);
  });

  it('belongs to the provider that built the instance, not to those that pass it on', async () => {
    const pass = (provide: string, from: string): Provider => ({
      provide,
      useFactory: (instance: never) => instance,
      inject: [from],
      lifetime,
    });
    const providers: Provider[] = [
      { provide: 'value', useValue: new Sync() },
      { provide: 'server', useFactory: () => new Async() },
      { provide: 'call', useFactory: () => new Sync(), lifetime },
      pass('passed value', 'value'),
      pass('passed server', 'server'),
      pass('passed call', 'call'),
      { provide: 'alias', useExisting: 'call' },
    ];
    expect(await endedBy(providers, 'passed value', 'passed server', 'passed call', 'alias')).toEqual([
      'Sync',
      'Async',
    ]);
  });

  it('runs for every call when a pool returns the same instance again', async () => {
    ended.length = 0;
    const pooled = new Sync();
    const { open } = await started([{ provide: 'x', useFactory: () => pooled, lifetime }], ['x']);
    await (await open()).dispose();
    await (await open()).dispose();
    expect(ended).toEqual(['Sync', 'Sync']);
  });

  it('is called for component classes', async () => {
    ended.length = 0;
    @injectable()
    class Tools extends Sync {}
    const { open } = await started([], [], { component: { target: Tools } });
    await (await open()).dispose();
    expect(ended).toEqual(['Tools']);
  });
});
