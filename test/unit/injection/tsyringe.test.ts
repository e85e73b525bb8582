import { afterEach, describe, expect, it } from '@jest/globals';
import 'reflect-metadata';
import {
  container,
  delay,
  inject,
  injectable,
  injectAll,
  injectAllWithTransform,
  injectWithTransform,
  Lifecycle,
  scoped,
  singleton,
} from 'tsyringe';
import * as ours from '../../../src/injection/inject.js';
import { token } from '../../../src/injection/tokens.js';
import * as handedOn from '../../../src/injection/tsyringe.js';
import { injectorOf, planOf, started, thrownBy } from './planning.js';

class Pool {
  readonly #size = 3;
  size(): number {
    return this.#size;
  }
  name = 'pool';
}

afterEach(() => {
  container.reset();
});

describe("tsyringe's decorators", () => {
  it('are read as they are', async () => {
    @injectable()
    class Tools {
      constructor(
        readonly pool: Pool,
        @inject('region') readonly region: string,
        @injectAll('part') readonly parts: string[],
        @inject('none', { isOptional: true }) readonly none: string | undefined,
        @injectAll('none', { isOptional: true }) readonly nothing: string[],
      ) {}
    }
    const { open } = await started(
      [
        Pool,
        { provide: 'region', useValue: 'eu' },
        { provide: 'part', useValue: 'a' },
        { provide: 'part', useValue: 'b' },
      ],
      [],
      { component: { target: Tools } },
    );
    expect((await open()).component).toEqual({
      pool: new Pool(),
      region: 'eu',
      parts: ['a', 'b'],
      none: undefined,
      nothing: [],
    });
    expect([handedOn.injectable, handedOn.delay]).toEqual([injectable, delay]);
  });

  it('that register a class globally are read, but their registration does not count', async () => {
    @singleton()
    class Registered {
      constructor(readonly pool: Pool) {}
    }
    @scoped(Lifecycle.ContainerScoped)
    class Scoped {
      constructor(readonly registered: Registered) {}
    }
    const { open } = await started([Pool, Registered, Scoped], [Scoped]);
    expect(((await open()).args[0] as Scoped).registered.pool).toBeInstanceOf(Pool);
    expect(thrownBy(() => planOf(injectorOf([Pool, Scoped]), [Scoped]))).toMatchObject({
      code: 'TOKEN_ONLY_GLOBAL',
      message:
        "Tools.run → Scoped → Registered: registered only in tsyringe's global container, which Errand does not read. Add Registered to providers, or pass the container that it is registered in as the option container.",
    });
  });

  it('may be replaced by ours: tsyringe can still build the class', () => {
    const Region = token<string>('Region');
    @injectable()
    class Tools {
      constructor(
        @ours.inject(Region) readonly region: string,
        @ours.injectAll(Pool) readonly pools: Pool[],
        @ours.inject('none', { optional: true }) readonly none: unknown,
      ) {}
    }
    const child = container.createChildContainer();
    child.register(Region, { useValue: 'eu' }).register(Pool, { useClass: Pool });
    expect(child.resolve(Tools)).toEqual({ region: 'eu', pools: [new Pool()], none: undefined });
  });

  it.each([
    ['injectWithTransform', injectWithTransform],
    ['injectAllWithTransform', injectAllWithTransform],
  ])('with a transform are refused (%s)', (_name, decorator) => {
    class Upper {
      transform(text: string): string {
        return text.toUpperCase();
      }
    }
    @injectable()
    class Tools {
      constructor(
        readonly pool: Pool,
        @decorator('region', Upper) readonly region: string,
      ) {}
    }
    expect(thrownBy(() => planOf(injectorOf([Pool]), [], { component: { target: Tools } }))).toMatchObject({
      code: 'CLASS_NOT_INJECTABLE',
      message:
        'Tools, constructor parameter 2: injectWithTransform and injectAllWithTransform are not supported. Provide the transformed value with useFactory and inject that.',
    });
  });
});

describe('delay', () => {
  interface Linked {
    readonly other: Linked;
    readonly name: string;
  }

  it.each(['singleton', 'call'] as const)('breaks a cycle within one container (%s)', async (lifetime) => {
    @injectable()
    class Left implements Linked {
      readonly name = 'left';
      constructor(@ours.inject(delay(() => Right)) readonly other: Linked) {}
    }
    @injectable()
    class Right implements Linked {
      readonly name = 'right';
      constructor(@inject(Left) readonly other: Linked) {}
    }
    const providers = [Left, Right].map((target) => ({ provide: target, useClass: target, lifetime }));
    const { open } = await started(providers, [Left, Right]);
    const [left, right] = (await open()).args as [Left, Right];
    expect([left.other.name, left.other.other === left, right.other === left]).toEqual(['right', true, true]);
    expect(left.other).toBeInstanceOf(Right);
  });

  it('works when an asynchronous factory builds the target', async () => {
    const made = { provide: Pool, useFactory: async () => new Pool(), lifetime: 'call' } as const;
    const { open } = await started([made], [delay(() => Pool)]);
    expect(((await open()).args[0] as Pool).name).toBe('pool');
  });

  it('cannot be used before the target exists', async () => {
    @injectable()
    class Hasty {
      readonly name: string;
      constructor(@ours.inject(delay(() => Pool)) pool: { name: string }) {
        this.name = pool.name;
      }
    }
    const { open } = await started([{ provide: Pool, useClass: Pool, lifetime: 'call' }], [], {
      component: { target: Hasty },
    });
    await expect(open()).rejects.toMatchObject({
      code: 'DEPENDENCY_CYCLE',
      message:
        'Tools.run → delay(Pool) was used before it was built. A constructor may keep what delay() injects, but not use it yet.',
    });
  });
});
