import { EventEmitter } from 'node:events';
import { describe, expect, it } from '@jest/globals';
import { inject } from '../../../../src/injection/inject.js';
import {
  constructorParameters,
  decoratorModeError,
  methodParameters,
  parameterName,
  holeError,
} from '../../../../src/injection/reflection/parameters.js';
import { injectable } from '../../../../src/injection/tsyringe.js';

class Pool {}
class Clock {}

/** A method decorator without effect, which makes the compiler emit metadata. */
const seen: MethodDecorator = () => undefined;

class Methods {
  @seen
  typed(
    pool: Pool,
    text: string,
    list: string[],
    either: Pool | Clock,
    call: () => void,
    { size }: { size: number },
  ): unknown[] {
    return [pool, text, list, either, call, size];
  }

  @seen
  defaulted(pool: Pool, clock = new Clock()): unknown[] {
    return [pool, clock];
  }

  plain(first: Pool, [second]: string[], third = ')', ...rest: Pool[]): unknown[] {
    return [first, second, third, rest];
  }

  @seen
  base(pool: Pool): unknown[] {
    return [pool];
  }
}

describe('methodParameters', () => {
  it('returns the class of each parameter, or why there is none', () => {
    expect(methodParameters(Methods.prototype, 'typed', [])).toEqual([
      { index: 0, name: 'pool', type: Pool },
      { index: 1, name: 'text', hole: 'primitive', primitive: 'String' },
      { index: 2, name: 'list', hole: 'primitive', primitive: 'Array' },
      { index: 3, name: 'either', hole: 'erased' },
      { index: 4, name: 'call', hole: 'erased' },
      { index: 5, destructured: true, hole: 'erased' },
    ]);
    expect(methodParameters(Methods.prototype, 'defaulted', [])[1]).toEqual({
      index: 1,
      name: 'clock',
      hole: 'undefined',
    });
  });

  it('counts by source text when the compiler emitted no metadata', () => {
    expect(methodParameters(Methods.prototype, 'plain', [])).toEqual([
      { index: 0, name: 'first', hole: 'no-metadata' },
      { index: 1, destructured: true, hole: 'no-metadata' },
      { index: 2, name: 'third', hole: 'no-metadata' },
      { index: 3, name: 'rest', rest: true, hole: 'no-metadata' },
    ]);
  });

  it('counts by decorators when nothing else reveals a parameter', () => {
    class Hidden {
      run = undefined;
    }
    Object.defineProperty(Hidden.prototype, 'run', { value: Math.max.bind(undefined) });
    expect(methodParameters(Hidden.prototype, 'run', [0, 3])).toHaveLength(4);
  });

  it('ignores the metadata of an overridden method', () => {
    class Sub extends Methods {
      override base(pool: Pool, other?: Clock): unknown[] {
        return [pool, other];
      }
    }
    expect(methodParameters(Sub.prototype, 'base', []).map(({ hole }) => hole)).toEqual(['no-metadata', 'no-metadata']);
  });
});

@injectable()
class Base {
  constructor(
    readonly pool: Pool,
    @inject('clock') readonly clock: Clock,
  ) {}
}

describe('constructorParameters', () => {
  const shown = (target: new (...args: never[]) => unknown): unknown[] =>
    constructorParameters(target).map(({ type, injection, hole }) => injection?.token ?? type ?? hole);

  it('reads the constructor of the class', () => {
    expect(shown(Base)).toEqual([Pool, 'clock']);
  });

  it('reads the same every time, and leaves the metadata alone', () => {
    const before = structuredClone((Reflect.getOwnMetadata('design:paramtypes', Base) as unknown[]).map(String));
    expect(shown(Base)).toEqual(shown(Base));
    expect((Reflect.getOwnMetadata('design:paramtypes', Base) as unknown[]).map(String)).toEqual(before);
  });

  it('reads the base constructor when a subclass declares none', () => {
    class Plain extends Base {}
    @injectable()
    class Decorated extends Base {}
    const Mixin = class extends Base {
      readonly mixed: boolean;
      constructor(...args: [Pool, Clock]) {
        super(...args);
        this.mixed = true;
      }
    };
    expect([shown(Plain), shown(Decorated), shown(Mixin)]).toEqual(Array(3).fill([Pool, 'clock']));
  });

  it('ignores the base constructor when a subclass declares its own', () => {
    class Own extends Base {
      readonly text = 'constructor(a, b)';
      constructor() {
        super(new Pool(), new Clock());
      }
    }
    class Needs extends Base {
      constructor(readonly extra: Pool) {
        super(extra, new Clock());
      }
    }
    expect([shown(Own), shown(Needs)]).toEqual([[], ['no-metadata']]);
  });

  it('finds no parameters in platform classes and none with default values', () => {
    class Emitter extends EventEmitter {}
    class Defaults {
      constructor(
        readonly size = 5,
        ...others: Pool[]
      ) {
        this.others = others;
      }
      readonly others: Pool[];
    }
    expect([shown(Emitter), shown(Defaults), shown(EventTarget), shown(Pool)]).toEqual([[], [], [], []]);
  });

  it('needs no metadata when every parameter has @inject', () => {
    class Bare {
      constructor(
        readonly pool: Pool,
        readonly clock: Clock,
      ) {}
    }
    (inject(Clock) as ParameterDecorator)(Bare, undefined, 1);
    expect(shown(Bare)).toEqual(['no-metadata', Clock]);
    (inject(Pool) as ParameterDecorator)(Bare, undefined, 0);
    expect(shown(Bare)).toEqual([Pool, Clock]);
  });
});

describe('errors', () => {
  const where = 'ReportTools.buildReport, parameter 2 (ctx)';

  it.each([
    [
      { hole: 'erased' },
      'its type does not exist at run time. For a class, import it as a value (no `import type`, no circular import); for an interface, a union or a default value, write @inject(Token).',
    ],
    [
      { hole: 'undefined' },
      'its type is undefined at run time, because of a circular import or a default value. Break the cycle or drop the default, or write @inject(Token).',
    ],
    [
      { hole: 'primitive', primitive: 'String' },
      'its type is String, which is never injected by type. Did you mean @param(name, schema)? Otherwise write @inject(Token).',
    ],
    [
      { hole: 'no-metadata' },
      'the compiler emitted no metadata for it. Write @inject(Token), or enable emitDecoratorMetadata.',
    ],
  ] as const)('say what to do about %j', (parameter, sentence) => {
    const error = holeError(where, parameter, 'method');
    expect([error.code, error.message]).toEqual(['PARAMETER_UNBOUND', `${where}: ${sentence}`]);
  });

  it('blame the class when a constructor has no metadata', () => {
    expect(holeError('Base, parameter 1', { hole: 'no-metadata' }, 'constructor')).toMatchObject({
      code: 'CLASS_NOT_INJECTABLE',
      message:
        'Base, parameter 1: no metadata describes it. Put @injectable() on the class, or @inject(Token) on each parameter if the compiler emits no metadata.',
    });
    expect(
      holeError('Base, parameter 1', { hole: 'primitive', primitive: 'Number' }, 'constructor').message,
    ).not.toContain('@param');
  });

  it('name parameters by position and, if known, by name', () => {
    expect([parameterName({ index: 1, name: 'ctx' }), parameterName({ index: 0 })]).toEqual([
      'parameter 2 (ctx)',
      'parameter 1',
    ]);
  });

  it('name the setting that a standard decorator lacks', () => {
    expect(decoratorModeError('@tool')).toMatchObject({
      code: 'DECORATOR_MODE',
      message:
        '@tool ran as a standard decorator. Set "experimentalDecorators": true in the tsconfig.json that covers the file.',
    });
  });
});
