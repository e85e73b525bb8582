/** What must and must not compile with tokens, inject and providers. Compiled by test/types/types.test.ts, never run. */
import type { Fit, ParameterOf } from '../../../src/injection/parameter-types.js';
import { inject, injectAll } from '../../../src/injection/inject.js';
import { provide, type Provider } from '../../../src/injection/providers.js';
import {
  lazy,
  token,
  type Injected,
  type InjectedTuple,
  type InjectionRequest,
} from '../../../src/injection/tokens.js';
import { delay, injectable } from '../../../src/injection/tsyringe.js';

type Same<One, Other> = (<T>() => T extends One ? 1 : 2) extends <T>() => T extends Other ? 1 : 2 ? true : false;
const same = <Check extends true>(): Check | undefined => undefined;

interface Clock {
  now(): number;
}
const Clock = token<Clock>('Clock');
const Size = token<number>('Size');

class Session {
  release(): void {}
}
class Pool {
  constructor(readonly size: number) {}
  acquire(): Promise<Session> {
    return Promise.resolve(new Session());
  }
}
abstract class Warehouse {
  abstract regions(): string[];
}
class FastWarehouse extends Warehouse {
  regions(): string[] {
    return [];
  }
}
class Closed {
  readonly closed = true;
  private constructor() {}
  static open(): Closed {
    return new Closed();
  }
}
class Guarded {
  readonly guarded = true;
  protected constructor() {}
}

// What an injectable gives
same<Same<Injected<typeof Pool>, Pool>>();
same<Same<Injected<typeof Warehouse>, Warehouse>>();
same<Same<Injected<typeof Closed>, Closed>>();
same<Same<Injected<typeof Guarded>, Guarded>>();
same<Same<Injected<typeof AbortSignal>, AbortSignal>>();
same<Same<Injected<typeof Clock>, Clock>>();
same<Same<Injected<'text'>, unknown>>();
same<Same<Injected<symbol>, unknown>>();
const late = lazy(Session);
same<Same<Injected<typeof late>, () => Promise<Session>>>();
const lateSize = lazy(Size);
same<Same<Injected<typeof lateSize>, () => Promise<number>>>();
const lateClosed = lazy(Closed);
same<Same<Injected<typeof lateClosed>, () => Promise<Closed>>>();
const delayed = delay(() => Session);
same<Same<Injected<typeof delayed>, Session>>();
const lateDelayed = lazy(delay(() => Session));
same<Same<Injected<typeof lateDelayed>, () => Promise<Session>>>();

// What an inject list gives
declare function defineTool<const R extends readonly InjectionRequest[]>(definition: {
  inject: R;
  run: (input: string, ...injected: InjectedTuple<R>) => unknown;
}): void;
defineTool({
  inject: [Pool, lazy(Session), { token: Clock, optional: true }, { token: Size }, Closed, 'text'],
  run: (input, pool, session, clock, size, closed, text) => {
    const all: [string, Pool, () => Promise<Session>, Clock | undefined, number, Closed, unknown] = [
      input,
      pool,
      session,
      clock,
      size,
      closed,
      text,
    ];
    // @ts-expect-error: it may be absent
    clock.now();
    return all;
  },
});
// @ts-expect-error: the list gives a Pool
defineTool({ inject: [Pool], run: (_input, session: Session) => session });

// Constructors
@injectable()
export class Constructors {
  constructor(
    @inject(Pool) readonly pool: Pool,
    @inject(Clock) readonly clock: Clock,
    @inject(Clock, { optional: true }) readonly maybe: Clock | undefined,
    @inject(Size, { optional: true }) readonly size?: number,
    @inject(lazy(Session)) readonly session?: () => Promise<Session>,
    @inject(delay(() => Session)) readonly later?: Session,
    @inject(Warehouse) readonly warehouse?: Warehouse,
    @inject(Closed) readonly closed?: Closed,
    @inject('untyped') readonly untyped?: Pool,
    @inject(FastWarehouse) readonly base?: Warehouse,
    @injectAll(Size) readonly sizes?: readonly number[],
    @inject(Clock) readonly anything?: unknown,
  ) {}
}

export class WrongConstructors {
  constructor(
    // @ts-expect-error: the token gives a Clock
    @inject(Clock) readonly pool: Pool,
    // @ts-expect-error: it may be absent
    @inject(Clock, { optional: true }) readonly maybe: Clock,
    // @ts-expect-error: lazy gives a function
    @inject(lazy(Session)) readonly session: Session,
    // @ts-expect-error: and the function a promise
    @inject(lazy(Size)) readonly size: () => number,
    // @ts-expect-error: all is an array
    @injectAll(Size) readonly sizes: number,
    // @ts-expect-error: of the base there is less
    @inject(Warehouse) readonly fast: FastWarehouse & { fast: true },
    // @ts-expect-error: a number is no token
    @inject(5) readonly five: number,
  ) {}
}

export class Unopened {
  private constructor(
    @inject(Clock) readonly clock: Clock,
    @inject(Pool) readonly pool: Pool,
  ) {}
}
export abstract class Unfinished {
  protected constructor(@inject(Clock) readonly clock: Clock) {}
}
export abstract class Base {
  constructor(
    @inject(Clock) readonly clock: Clock,
    // @ts-expect-error: abstract classes are checked
    @inject(Size) readonly pool: Pool,
  ) {}
}

// Methods
export class Methods {
  run(
    input: string,
    @inject(Clock) clock: Clock,
    @inject(lazy(Session)) session: () => Promise<Session>,
    @inject(Size, { optional: true }) size?: number,
    @injectAll(Clock, { optional: true }) clocks: Clock[] = [],
  ): unknown[] {
    return [input, clock, session, size, clocks];
  }

  wrong(
    // @ts-expect-error: the token gives a Clock
    @inject(Clock) size: number,
    // @ts-expect-error: it may be absent
    @inject(Size, { optional: true }) maybe: number,
    // @ts-expect-error: all is an array
    @injectAll(Clock) clocks: Clock,
  ): unknown[] {
    return [size, maybe, clocks];
  }

  generic<T>(@inject(Clock) anything: T): T {
    return anything;
  }

  static wrong(
    // @ts-expect-error: static methods are checked
    @inject(Clock) size: number,
  ): number {
    return size;
  }

  call(): unknown[] {
    return [this.hidden(Clock as never), this.kept(1)];
  }

  // Private and protected methods cannot be seen from outside, so that they pass.
  private hidden(@inject(Clock) clock: Clock): unknown {
    return clock;
  }
  protected kept(@inject(Size) size: number): unknown {
    return size;
  }
}

same<Same<ParameterOf<Methods, 'run', 1>, Clock>>();
same<Same<ParameterOf<Methods, 'run', 3>, number | undefined>>();
same<Same<ParameterOf<Methods, 'hidden', 0>, unknown>>();
same<Same<ParameterOf<typeof Pool, undefined, 0>, number>>();
same<Same<ParameterOf<typeof Base, undefined, 0>, Clock>>();
same<Same<ParameterOf<typeof Closed, undefined, 0>, unknown>>();
same<Same<Fit<number, number | undefined, 'given'>, unknown>>();
same<Same<Fit<unknown, Pool, 'given'>, unknown>>();
same<Same<Fit<string, number, 'given'>, { given: string; 'but the parameter takes': number }>>();

// Providers
export const providers: Provider[] = [
  Pool,
  { provide: Warehouse, useClass: FastWarehouse, lifetime: 'call' },
  { provide: Clock, useValue: { now: () => 0 } },
  {
    provide: Session,
    useFactory: (pool: Pool) => pool.acquire(),
    inject: [Pool],
    dispose: (s: Session) => s.release(),
  },
  { provide: 'alias', useExisting: Session },
  { provide: Closed, useFactory: () => Closed.open() },
  // @ts-expect-error: an abstract class cannot be made
  Warehouse,
  // @ts-expect-error: neither can one with a private constructor
  Closed,
  // @ts-expect-error: there is no such lifetime
  { provide: Pool, useClass: Pool, lifetime: 'request' },
];

export const typed: Provider[] = [
  provide({ provide: Warehouse, useClass: FastWarehouse, dispose: (warehouse) => warehouse.regions() }),
  provide({ provide: Clock, useValue: { now: () => 0 } }),
  provide({ provide: Size, useExisting: Size }),
  provide({
    provide: Session,
    useFactory: async (pool, clock, session, size) => {
      const all: [Pool, Clock | undefined, () => Promise<Session>, number] = [pool, clock, session, size];
      return all[0].acquire();
    },
    inject: [Pool, { token: Clock, optional: true }, lazy(Session), Size],
    lifetime: 'call',
    dispose: (session) => session.release(),
  }),
  // @ts-expect-error: a clock tells the time in numbers
  provide({ provide: Clock, useValue: { now: () => 'noon' } }),
  // @ts-expect-error: a pool is no warehouse
  provide({ provide: Warehouse, useClass: Pool }),
  // @ts-expect-error: the factory must give a number
  provide({ provide: Size, useFactory: () => 'seven' }),
  // @ts-expect-error: also when it takes its time
  provide({ provide: Size, useFactory: () => Promise.resolve('seven') }),
  // @ts-expect-error: the list gives a Pool
  provide({ provide: Size, useFactory: (size: number) => size, inject: [Pool] }),
  // @ts-expect-error: the list gives nothing
  provide({ provide: Size, useFactory: (size: number) => size }),
  // @ts-expect-error: what is provided elsewhere does not fit
  provide({ provide: Warehouse, useExisting: Pool }),
];
