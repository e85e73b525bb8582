import { describe, expect, it } from '@jest/globals';
import { inject, injectAll, injectionOf } from '../../../src/injection/inject.js';
import { constructorParameters, methodParameters } from '../../../src/injection/reflection/parameters.js';
import { lazy, token } from '../../../src/injection/tokens.js';
import { delay, injectable } from '../../../src/injection/tsyringe.js';
import { requestFor, thrownBy } from './planning.js';

interface Clock {
  now(): number;
}
const Clock = token<Clock>('Clock');
class Session {}

@injectable()
class Both {
  constructor(
    @inject(Clock) readonly clock: Clock,
    @inject('region', { optional: true }) readonly region: string | undefined,
    @injectAll(Session, { optional: true }) readonly sessions: Session[],
    readonly session: Session,
  ) {}

  run(
    @inject(Clock) clock: Clock,
    @inject(lazy(Session), { optional: true }) session: (() => Promise<Session>) | undefined,
    @injectAll(Session) sessions: Session[],
    @inject(delay(() => Session)) late: Session,
  ): unknown[] {
    return [clock, session, sessions, late];
  }
}

describe('inject', () => {
  it('records the requests of constructors', () => {
    expect(constructorParameters(Both).map(({ injection, type }) => injection ?? type)).toEqual([
      requestFor(Clock),
      requestFor('region', { optional: true }),
      requestFor(Session, { all: true, optional: true }),
      Session,
    ]);
  });

  it('records the requests of methods', () => {
    expect(methodParameters(Both.prototype, 'run', []).map(({ injection }) => injection)).toEqual([
      requestFor(Clock),
      requestFor(Session, { lazy: true, optional: true }),
      requestFor(Session, { all: true }),
      requestFor(Session, { delayed: true }),
    ]);
  });

  it('keeps the requests of a subclass apart from those of its base class', () => {
    class Base {
      run(@inject(Clock) clock: Clock): unknown {
        return clock;
      }
    }
    class Sub extends Base {
      override run(@inject('other') clock: Clock): unknown {
        return clock;
      }
    }
    const tokenOf = (prototype: object): unknown => methodParameters(prototype, 'run', [])[0]?.injection?.token;
    expect([tokenOf(Base.prototype), tokenOf(Sub.prototype)]).toEqual([Clock, 'other']);
  });

  it('refuses undefined, which a circular import yields, when the decorator runs', () => {
    const decorate = inject(undefined as never) as ParameterDecorator;
    expect(thrownBy(() => decorate(Both, undefined, 0))).toMatchObject({
      code: 'PARAMETER_UNBOUND',
      message:
        'Both, constructor parameter 1: @inject got undefined, most likely because of a circular import. Import the class from its own file, or write @inject(delay(() => TheClass)).',
    });
  });

  it('refuses what is not a token', () => {
    const arrow = inject((() => Session) as never) as ParameterDecorator;
    expect(thrownBy(() => arrow(Both.prototype, 'run', 1))).toMatchObject({
      message:
        'Both.run, parameter 2: @inject got a function that is not a class. Give a class, a token(), a string, a symbol, lazy() or delay().',
    });
    expect(() => injectionOf({ token: 5 })).toThrow('got 5');
    expect(() => injectionOf(lazy(undefined as never))).toThrow('A request for an injection(lazy) got undefined');
    expect(() => injectionOf(null)).toThrow('got null');
  });

  it('refuses two requests for one parameter', () => {
    class Twice {
      run(clock: Clock): unknown {
        return clock;
      }
    }
    const decorate = inject(Clock) as ParameterDecorator;
    for (const [target, key] of [[Twice.prototype, 'run'] as const, [Twice, undefined] as const]) {
      decorate(target, key, 0);
      expect(thrownBy(() => decorate(target, key, 0))).toMatchObject({ code: 'PARAMETER_CONFLICT' });
    }
  });

  it('reads the entries of an inject list', () => {
    expect(injectionOf(Session)).toEqual(requestFor(Session));
    expect(injectionOf({ token: lazy(Clock), optional: true })).toEqual(
      requestFor(Clock, { lazy: true, optional: true }),
    );
    expect(injectionOf(lazy(Clock))).toEqual(requestFor(Clock, { lazy: true }));
  });

  it('reads the class inside delay() as late as possible', () => {
    const module: { Later?: typeof Session } = {};
    const injection = injectionOf(delay(() => module.Later as typeof Session));
    expect(() => injection.token).toThrow('delay() returned undefined');
    module.Later = Session;
    expect(injection.token).toBe(Session);
  });
});
