import { describe, expect, it } from '@jest/globals';
import { Injector } from '../../../src/injection/injector.js';
import { provide, type Provider } from '../../../src/injection/providers.js';
import { token } from '../../../src/injection/tokens.js';
import { injectorOf, planOf, rejectionOf, requestFor, started, thrownBy } from './planning.js';

class Pool {}
class FastPool extends Pool {}
const Size = token<number>('Size');

async function valuesOf(providers: readonly Provider[], ...requests: Parameters<typeof planOf>[1]): Promise<unknown> {
  const { open } = await started(providers, requests);
  return (await open()).args;
}

describe('providers', () => {
  it('have five forms', async () => {
    const values = await valuesOf(
      [
        Pool,
        { provide: 'fast', useClass: FastPool },
        { provide: Size, useValue: 7 },
        { provide: 'double', useFactory: (size: number) => size * 2, inject: [Size] },
        { provide: 'same', useExisting: Size },
        { provide: 'also same', useExisting: 'same' },
      ],
      Pool,
      'fast',
      Size,
      'double',
      'also same',
    );
    expect(values).toEqual([new Pool(), new FastPool(), 7, 14, 7]);
  });

  it('inject falsy values, and values that look like promises, as they are', async () => {
    const promise = Promise.resolve(1);
    const thenable = { then: () => undefined };
    const values = (await valuesOf(
      [null, 0, '', false, promise, thenable].map((useValue, index) => ({ provide: `${index}`, useValue })),
      '0',
      '1',
      '2',
      '3',
      '4',
      '5',
    )) as unknown[];
    expect(values.slice(0, 4)).toEqual([null, 0, '', false]);
    expect(values[4]).toBe(promise);
    expect(values[5]).toBe(thenable);
  });

  it('give way to a later provider of the same token, and injectAll injects them all', async () => {
    const injector = injectorOf([
      { provide: Size, useValue: 1 },
      { provide: Size, useFactory: () => 2 },
      { provide: Size, useExisting: 'three' },
      { provide: 'three', useValue: 3 },
    ]);
    const plan = planOf(injector, [], {
      injections: [
        requestFor(Size, { all: true }),
        requestFor(Size),
        requestFor('none', { all: true, optional: true }),
      ],
    });
    await injector.start();
    const { args } = await plan.open({});
    expect(args).toEqual([[1, 2, 3], 3, []]);
    expect((await plan.open({})).args[2]).not.toBe(args[2]);
  });

  it('call useFactory and dispose as methods of their entry', async () => {
    const entry = {
      provide: Size,
      seen: [] as unknown[],
    };
    const provider: Provider = Object.defineProperties(entry, {
      useFactory: {
        enumerable: true,
        value(this: typeof entry) {
          return this.seen.push('made');
        },
      },
      dispose: {
        enumerable: true,
        value(this: typeof entry, instance: number) {
          this.seen.push(instance);
        },
      },
      seen: { enumerable: false },
    }) as never;
    const { injector } = await started([provider], [Size]);
    await injector.close();
    expect(entry.seen).toEqual(['made', 1]);
  });

  it('pass through provide() unchanged', () => {
    const provider = { provide: Size, useValue: 1 };
    expect(provide(provider)).toBe(provider);
  });
});

describe('a malformed provider', () => {
  const shape =
    "A provider is a class, or { provide, and one of useClass, useValue, useFactory, useExisting }; useClass and useFactory also take lifetime ('singleton', 'call', 'transient'), eager and dispose.";

  it.each<[unknown, string]>([
    [undefined, 'providers[1] is undefined, most likely because of a circular import'],
    [null, 'providers[1] is null'],
    ['Pool', 'providers[1] is "Pool"'],
    [() => Pool, 'providers[1] is an anonymous function'],
    [{ useValue: 1 }, 'providers[1] has no provide, which names the token'],
    [{ provide: 5, useValue: 1 }, 'providers[1] has provide: 5, which is not a token'],
    [{ provide: Pool }, 'providers[1] (Pool) does not say how to provide it'],
    [{ provide: Pool, useValue: 1, useClass: Pool }, 'providers[1] (Pool) has useClass and useValue'],
    [{ provide: Pool, useClass: Pool, inject: [] }, 'providers[1] (Pool) has inject, which does not go with useClass'],
    [
      { provide: Pool, useValue: 1, lifetime: 'call' },
      'providers[1] (Pool) has lifetime, which does not go with useValue',
    ],
    [{ provide: Pool, useExisting: 5 }, 'providers[1] (Pool) has useExisting: 5, which is not a token'],
    [{ provide: Pool, useClass: 'x' }, 'providers[1] (Pool) has useClass: "x", which is not a class'],
    [{ provide: Pool, useFactory: 5 }, 'providers[1] (Pool) has useFactory: 5, which is not a function'],
    [{ provide: Pool, useClass: Pool, lifetime: 'request' }, 'providers[1] (Pool) has lifetime: "request"'],
    [{ provide: Pool, useClass: Pool, dispose: 'close' }, 'providers[1] (Pool) has dispose: "close"'],
    [
      { provide: Pool, useFactory: () => 1, inject: Size },
      'providers[1] (Pool) has inject: Size, which is not an array',
    ],
    [
      { provide: Pool, useFactory: (a: unknown) => a },
      'providers[1] (Pool) has a useFactory with 1 parameter, but inject lists 0',
    ],
  ])('%p is refused', (provider, sentence) => {
    expect(thrownBy(() => injectorOf([Pool, provider as Provider]))).toMatchObject({
      code: 'PROVIDER_INVALID',
      message: `${sentence}. ${shape}`,
    });
  });

  it('names the entry of its inject list', () => {
    const provider = { provide: Pool, useFactory: (a: unknown) => a, inject: [undefined as never] };
    expect(thrownBy(() => injectorOf([provider]))).toMatchObject({
      code: 'PROVIDER_INVALID',
      message: expect.stringMatching(/^providers\[0\] \(Pool\), inject\[0\]: .* got undefined/) as unknown,
    });
  });
});

describe('undefined', () => {
  it('is refused as a value', () => {
    expect(thrownBy(() => injectorOf([{ provide: Size, useValue: undefined }]))).toMatchObject({
      code: 'PROVIDER_UNDEFINED',
      message:
        'providers[0] (Size) has useValue: undefined. Give a value, or remove the provider and inject the token with { optional: true }.',
    });
  });

  it.each([undefined, Promise.resolve(undefined)])('is refused from a factory (%p)', async (returned) => {
    const message =
      'Tools.run → Size: the provider returned undefined, which is never injected. Return null or a value, or inject the token with { optional: true }.';
    const { open } = await started([{ provide: Size, useFactory: () => returned, lifetime: 'call' }], [Size]);
    expect(await rejectionOf(open())).toMatchObject({ code: 'PROVIDER_UNDEFINED', message });
    expect(await rejectionOf(started([{ provide: Size, useFactory: () => returned }], [Size]))).toMatchObject({
      message,
    });
  });
});

describe('overrides', () => {
  it('replace all providers of their token, in a new injector', async () => {
    const original = injectorOf([{ provide: Size, useValue: 1 }, { provide: Size, useValue: 2 }, Pool]);
    const derived = original.with([{ provide: Size, useValue: 9 }]);
    const sizes = async (injector: typeof original): Promise<unknown> =>
      (await planOf(injector, [], { injections: [requestFor(Size, { all: true })] }).open({})).args[0];
    expect([await sizes(original), await sizes(derived)]).toEqual([[1, 2], [9]]);
  });

  it('build their own singletons', async () => {
    const original = injectorOf([Pool, { provide: Size, useValue: 1 }]);
    const derived = original.with([{ provide: Size, useValue: 9 }]);
    const pools = await Promise.all(
      [original, derived].map(async (injector) => {
        const plan = planOf(injector, [Pool]);
        await injector.start();
        return (await plan.open({})).args[0];
      }),
    );
    expect(pools[0]).not.toBe(pools[1]);
  });

  it('may replace built-in tokens, but not unknown ones', async () => {
    const injector = new Injector({
      providers: [Pool],
      builtIns: [{ token: Size, modes: ['foreground'], call: () => 1 }],
    });
    const derived = injector.with([{ provide: Size, useValue: 9 }]);
    expect((await planOf(derived, [Size]).open({})).args).toEqual([9]);
    expect(thrownBy(() => injector.with([FastPool]))).toMatchObject({
      code: 'OVERRIDE_UNKNOWN',
      message: 'override names FastPool, which is not provided. Override what is in providers or components: Pool.',
    });
  });
});
