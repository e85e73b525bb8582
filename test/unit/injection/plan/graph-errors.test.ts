import { describe, expect, it } from '@jest/globals';
import { inject, injectAll } from '../../../../src/injection/inject.js';
import { Injector, type BuiltIn, type PlanRequest } from '../../../../src/injection/injector.js';
import type { Provider } from '../../../../src/injection/providers.js';
import { lazy, type Class, type InjectionRequest } from '../../../../src/injection/tokens.js';
import { delay, injectable } from '../../../../src/injection/tsyringe.js';
import { injectorOf, planOf, thrownBy } from '../planning.js';

class Context {}
class Worker {}
const builtIns: BuiltIn[] = [
  { token: Context, modes: ['foreground', 'background'], call: () => new Context() },
  { token: Worker, modes: ['background'], call: () => new Worker() },
];

class Pool {}

@injectable()
class Warehouse {
  constructor(readonly pool: Pool) {}
}

@injectable()
class Tools {
  constructor(readonly warehouse: Warehouse) {}
}

function refusal(
  providers: readonly Provider[],
  requests: readonly InjectionRequest[],
  rest?: Partial<PlanRequest>,
): unknown {
  const error = thrownBy(() => planOf(new Injector({ providers, builtIns }), requests, rest));
  const { code, message } = error as { code: unknown; message: unknown };
  return [code, message];
}

/** A provider of a string token with dependencies. */
const needing = (provide: string, ...inject: readonly InjectionRequest[]) => ({
  provide,
  useFactory: (...args: never[]) => args,
  inject,
});

describe('an unknown token', () => {
  it('is named with the path to it', () => {
    expect(refusal([Warehouse], [], { label: 'ReportTools.buildReport', component: { target: Tools } })).toEqual([
      'TOKEN_NOT_REGISTERED',
      'ReportTools.buildReport → Warehouse → Pool: not registered. Add Pool (if it is abstract: { provide: Pool, useClass: … }) to providers, or write @inject(Pool, { optional: true }) if it may be absent.',
    ]);
  });

  it('is found behind aliases, lazy, delay and injectAll, and in every provider of a token', () => {
    @injectable()
    class All {
      constructor(@injectAll('parts') readonly parts: unknown[]) {}
    }
    const paths = [
      refusal([{ provide: 'a', useExisting: 'b' }], ['a']),
      refusal([], [lazy(Pool)]),
      refusal([Warehouse], [lazy(Warehouse)]),
      refusal([], [delay(() => Pool)]),
      refusal([All, needing('parts', Pool), { provide: 'parts', useValue: 1 }], [All]),
      refusal([All], [All]),
    ].map((found) => ((found as string[])[1] ?? '').split(':')[0]);
    expect(paths).toEqual([
      'Tools.run → "a" → "b"',
      'Tools.run → lazy(Pool)',
      'Tools.run → lazy(Warehouse) → Pool',
      'Tools.run → delay(Pool)',
      'Tools.run → All → "parts" → Pool',
      'Tools.run → All → "parts"',
    ]);
  });

  it('injects undefined, or an empty array, where it is optional', async () => {
    @injectable()
    class Optional {
      constructor(
        @inject(Pool, { optional: true }) readonly pool: Pool | undefined,
        @inject(lazy(Pool), { optional: true }) readonly late: (() => Promise<Pool>) | undefined,
        @inject(delay(() => Pool), { optional: true }) readonly delayed: Pool | undefined,
        @injectAll(Pool, { optional: true }) readonly pools: Pool[],
      ) {}
    }
    const plan = planOf(injectorOf([]), [], { component: { target: Optional } });
    const { component } = await plan.open(undefined);
    expect(component).toEqual({ pool: undefined, late: undefined, delayed: undefined, pools: [] });
  });

  it('is refused even below an optional token', () => {
    expect(refusal([Warehouse], [{ token: Warehouse, optional: true }])).toContain('TOKEN_NOT_REGISTERED');
  });
});

describe('a constructor', () => {
  it('without metadata is refused with the way out', () => {
    class Bare {
      constructor(readonly pool: Pool) {}
    }
    expect(refusal([Bare, Pool], [Bare])).toEqual([
      'CLASS_NOT_INJECTABLE',
      'Tools.run → Bare: Bare, constructor parameter 1 (pool): no metadata describes it. Put @injectable() on the class, or @inject(Token) on each parameter if the compiler emits no metadata.',
    ]);
  });

  it('with a parameter whose type is not a class is refused by position', () => {
    @injectable()
    class Sized {
      constructor(
        readonly pool: Pool,
        readonly size: number,
      ) {}
    }
    expect(refusal([Sized, Pool], [Sized])).toEqual([
      'PARAMETER_UNBOUND',
      'Tools.run → Sized: Sized, constructor parameter 2 (size): its type is Number, which is never injected by type. Write @inject(Token).',
    ]);
  });
});

describe('a cycle', () => {
  const wayOut = 'these depend on each other in a cycle. Inject one of them with lazy() or delay().';

  it.each<[string, Provider[], string]>([
    ['of factories', [needing('a', 'b'), needing('b', 'a')], '"a" → "b" → "a"'],
    ['of one', [needing('a', 'a')], '"a" → "a"'],
    [
      'of aliases',
      [
        { provide: 'a', useExisting: 'b' },
        { provide: 'b', useExisting: 'a' },
      ],
      '"a" → "b" → "a"',
    ],
    ['beyond the first provider', [needing('a', 'b'), needing('b', 'c'), needing('c', 'b')], '"a" → "b" → "c" → "b"'],
    [
      'between lifetimes',
      [
        { ...needing('a', 'b'), lifetime: 'call' },
        { ...needing('b', 'a'), lifetime: 'transient' },
      ],
      '"a" → "b" → "a"',
    ],
  ])('%s is shown', (_kind, providers, path) => {
    expect(refusal(providers, ['a'])).toEqual(['DEPENDENCY_CYCLE', `Tools.run → ${path}: ${wayOut}`]);
  });

  it('of transients is refused even through lazy, because they would be built endlessly', () => {
    const providers = [
      { ...needing('a', lazy('b')), lifetime: 'transient' as const },
      { ...needing('b', 'a'), lifetime: 'transient' as const },
    ];
    expect(refusal(providers, ['a'])).toEqual([
      'DEPENDENCY_CYCLE',
      `Tools.run → "a" → lazy("b") → "a": these depend on each other in a cycle. Give one of them the lifetime 'call' or 'singleton': transients would be built endlessly.`,
    ]);
  });

  it('through lazy or delay is accepted if something in it is shared', () => {
    const cycles: Provider[][] = [
      [needing('a', lazy('b')), needing('b', 'a')],
      [
        { ...needing('a', lazy('b')), lifetime: 'call' },
        { ...needing('b', 'a'), lifetime: 'transient' },
      ],
      [
        { ...needing('a', lazy('b')), lifetime: 'transient' },
        { ...needing('b', 'a'), lifetime: 'call' },
      ],
      [needing('a', lazy('a'))],
    ];
    for (const providers of cycles) {
      expect(planOf(new Injector({ providers, builtIns }), ['a']).needs.size).toBe(0);
    }
  });
});

describe('a singleton', () => {
  @injectable()
  class Audit {
    constructor(readonly context: Context) {}
  }
  @injectable()
  class Store {
    constructor(readonly audit: Audit) {}
  }
  const call = (target: Class): Provider => ({ provide: target, useClass: target, lifetime: 'call' });
  const transient = (target: Class): Provider => ({ provide: target, useClass: target, lifetime: 'transient' });

  it.each<[string, Provider[], InjectionRequest, string, string]>([
    ['a built-in', [Audit], Audit, 'Audit → Context', 'Audit'],
    ['a built-in through a transient', [Store, transient(Audit)], Store, 'Store → Audit → Context', 'Store'],
    ['a call-scoped provider', [Store, call(Audit)], Store, 'Store → Audit', 'Store'],
    ['something lazy', [needing('cache', lazy(Audit)), call(Audit)], 'cache', '"cache" → lazy(Audit)', '"cache"'],
    [
      'something delayed',
      [
        needing(
          'cache',
          delay(() => Audit),
        ),
        call(Audit),
      ],
      'cache',
      '"cache" → delay(Audit)',
      '"cache"',
    ],
    [
      'something optional',
      [needing('cache', { token: Context, optional: true })],
      'cache',
      '"cache" → Context',
      '"cache"',
    ],
    [
      'something under another name',
      [needing('cache', 'alias'), { provide: 'alias', useExisting: Audit }, call(Audit)],
      'cache',
      '"cache" → "alias" → Audit',
      '"cache"',
    ],
    [
      'a dependency of its own, though a call-scoped instance holds it',
      [call(Store), Audit],
      Store,
      'Store → Audit → Context',
      'Audit',
    ],
  ])('may not hold %s', (_what, providers, request, path, holder) => {
    expect(refusal(providers, [request])).toEqual([
      'CAPTIVE_DEPENDENCY',
      `Tools.run → ${path}: lives for one call, but ${holder} is a singleton and would keep it. Give ${holder} the lifetime 'call', or pass the instance as a method argument.`,
    ]);
  });

  it('may be a component class, which may not hold one either', () => {
    expect(refusal([call(Audit)], [], { component: { target: Store, lifetime: 'singleton' } })).toEqual([
      'CAPTIVE_DEPENDENCY',
      "Tools.run → Audit: lives for one call, but Store is a singleton and would keep it. Give Store the lifetime 'call', or pass the instance as a method argument.",
    ]);
    expect(
      planOf(new Injector({ providers: [call(Audit)], builtIns }), [], { component: { target: Store } }).needs,
    ).toEqual(new Set([Context]));
  });

  it('leaves the injector usable when it is refused', async () => {
    const injector = new Injector({
      providers: [Pool, needing('bad', Pool, 'worse'), needing('worse', Context)],
      builtIns,
    });
    const error = thrownBy(() => planOf(injector, ['bad']));
    expect(thrownBy(() => planOf(injector, ['bad']))).toEqual(error);
    const plan = planOf(injector, [Pool]);
    await injector.start();
    expect((await plan.open(undefined)).args).toEqual([new Pool()]);
  });
});

describe('a token of one mode', () => {
  const both = { modes: ['foreground', 'background'] } as const;

  it('is refused in a component that runs in both', () => {
    expect(refusal([], [Worker], both)).toEqual([
      'TOKEN_NOT_IN_MODE',
      'Tools.run → Worker: does not exist in the foreground, where this component also runs. Write @inject(Worker, { optional: true }).',
    ]);
    expect(refusal([{ ...needing('a', lazy(Worker)), lifetime: 'call' }], ['a'], both)).toMatchObject([
      'TOKEN_NOT_IN_MODE',
      expect.stringContaining('Tools.run → "a" → lazy(Worker): '),
    ]);
  });

  it('is accepted where it is optional, or the component runs only in that mode', () => {
    const injector = new Injector({ providers: [], builtIns });
    expect(planOf(injector, [{ token: Worker, optional: true }], both).needs).toEqual(new Set([Worker]));
    expect(planOf(injector, [Worker], { modes: ['background'] }).needs).toEqual(new Set([Worker]));
  });
});
