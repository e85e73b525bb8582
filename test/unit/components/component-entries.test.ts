import { describe, expect, it, jest } from '@jest/globals';
import { z } from 'zod';
import { ask, Context, defineTool, job, param, tool } from '../../../src/index.js';
import { refusalOf } from '../../helpers/thrown.js';
import { refused } from './refused.js';

describe('a decorated method is refused', () => {
  it('when a question is not flat', () => {
    class Tools {
      @tool()
      run(@ask('Where?', z.object({ home: z.object({ zip: z.string() }) })) where: unknown): unknown {
        return where;
      }
    }
    expect(refused(Tools)).toEqual({
      code: 'ELICITATION_SCHEMA',
      message:
        'Tools.run: the field \'home\' of a question is "object", but forms are flat. Use strings, numbers, booleans, string enums and arrays of string enums, or ask twice.',
    });
  });

  it('when a subclass overrides it without a decorator of its own', () => {
    class Base {
      @tool()
      run(ctx: Context): unknown {
        return [ctx];
      }
    }
    class Tools extends Base {
      override run(): unknown {
        return 0;
      }
    }
    expect(refused(Tools)).toEqual({
      code: 'COMPONENT_INVALID',
      message:
        'Tools.run overrides Base.run, which has @tool, without a decorator of its own. Repeat @tool(…) on the override.',
    });
  });

  it('when it is static', () => {
    const declare = (): void => {
      class Tools {
        static run() {}
      }
      tool()(Tools as never, 'run', {});
    };
    expect(refusalOf(declare)).toEqual({
      code: 'COMPONENT_INVALID',
      message:
        '@tool on the static method run of Tools: a component is an instance method with a string name. Remove `static`.',
    });
  });

  it('when its name is a symbol', () => {
    const name = Symbol('run');
    class Tools {
      [name]() {}
    }
    expect(refusalOf(() => job()(Tools.prototype, name as never, {}))).toEqual({
      code: 'COMPONENT_INVALID',
      message:
        '@job on the method Symbol(run) of Tools: a component is an instance method with a string name. Give the method a name that is text, and set `name` if clients should see another.',
    });
  });

  it('when @param is on a constructor, a static method or a symbol-named method', () => {
    const name = Symbol('run');
    class Tools {
      static stay() {}
      [name]() {}
    }
    const declare = param('a', z.string()) as (
      target: object,
      method: string | symbol | undefined,
      index: number,
    ) => void;
    const tail = ': it belongs on a parameter of an instance method with a string name.';
    expect(refusalOf(() => declare(Tools, 'stay', 0)).message).toBe(`@param on the static method stay of Tools${tail}`);
    expect(refusalOf(() => declare(Tools.prototype, name, 0)).message).toBe(
      `@param on the method Symbol(run) of Tools${tail}`,
    );
    expect(refusalOf(() => declare(Tools, undefined, 0)).message).toBe(`@param on the constructor of Tools${tail}`);
  });

  it('when it has two component decorators', () => {
    const declare = (): unknown => {
      class Tools {
        @tool()
        @job()
        run() {}
      }
      return Tools;
    };
    expect(refusalOf(declare)).toEqual({
      code: 'COMPONENT_INVALID',
      message: 'Tools.run has two component decorators. Keep one.',
    });
  });

  it('when the decorator runs in standard mode', () => {
    const standard = tool() as unknown as (method: () => void, context: object) => void;
    const refusal = refusalOf(() => standard(() => undefined, { kind: 'method', name: 'run' }));
    expect(refusal.code).toBe('DECORATOR_MODE');
    expect(refusal.message).toContain('experimentalDecorators');
  });
});

describe('components is refused', () => {
  it('for a class without decorated methods', () => {
    class Warehouse {
      stock() {}
    }
    expect(refused(Warehouse)).toEqual({
      code: 'COMPONENT_INVALID',
      message:
        'Warehouse has no method with @tool, @prompt, @resource or @job. Decorate one, or list it under providers.',
    });
  });

  const way =
    "Give a class, the result of defineTool or defineJob, or { component: Class, lifetime: 'singleton' | 'call' | 'transient', prefix }.";

  it.each([
    ['an undefined entry', undefined, 'is undefined (a circular import?)'],
    ['null', null, 'is null'],
    ['a string', 'Tools', 'is a value of type string'],
    ['a function that is no class', () => 1, 'is a function that is not a class'],
    ['an object without a class', { lifetime: 'call' }, 'has component: undefined (a circular import?)'],
    ['an unknown lifetime', { component: class Tools {}, lifetime: 'request' }, 'has lifetime: "request"'],
  ])('for %s', (_what, entry, got) => {
    expect(refused(entry)).toEqual({ code: 'COMPONENT_INVALID', message: `components[0] ${got}. ${way}` });
  });

  it('for two components of the same name, even a tool and a job', () => {
    class Tools {
      @tool({ name: 'refresh' })
      one() {}
    }
    class Jobs {
      @job({ name: 'refresh' })
      two() {}
    }
    expect(refused(Tools, Jobs)).toEqual({
      code: 'COMPONENT_DUPLICATE',
      message: "Tools.one and Jobs.two are both named 'refresh'. Set `name` on one of them.",
    });
  });

  it('for the same class twice', () => {
    class Tools {
      @tool()
      run() {}
    }
    expect(refused(Tools, Tools)).toMatchObject({ code: 'COMPONENT_DUPLICATE' });
  });

  it.each(['', 'with space', 'ü', 'a/b', 'x'.repeat(129)])('for the name %p', (name) => {
    expect(refused(defineTool({ name, run: () => '' }))).toEqual({
      code: 'COMPONENT_INVALID',
      message: `${name}: the tool is named ${JSON.stringify(name)}. A name consists of 1 to 128 letters, digits, '_', '-' and '.'. Set \`name\`.`,
    });
  });

  it.each([
    [
      'timeout',
      { timeout: '3 parsecs' },
      "Tools.run: timeout is \"3 parsecs\". Give milliseconds (a number of at least 0) or a string such as '30s' or '1h'.",
    ],
    [
      'task',
      { task: 'sometimes' },
      "Tools.run: task is \"sometimes\". Give true, false, 'optional', 'required' or 'forbidden'.",
    ],
    [
      'retry',
      { retry: 0 },
      "Tools.run: retry is 0. Give the number of attempts (1 or more) or { attempts, delay, backoff: 'fixed' | 'exponential', maximumDelay }.",
    ],
    [
      'retry',
      { retry: null },
      "Tools.run: retry is null. Give the number of attempts (1 or more) or { attempts, delay, backoff: 'fixed' | 'exponential', maximumDelay }.",
    ],
    [
      'limits',
      { task: true, limits: {} },
      'Tools.run: limits is {}. Give { concurrency }, { rate: { max, duration } } or both, with whole numbers of at least 1 and a duration of at least 1 ms.',
    ],
    [
      'limits.concurrency',
      { task: true, limits: { concurrency: 0 } },
      'Tools.run: limits is {"concurrency":0}. Give { concurrency }, { rate: { max, duration } } or both, with whole numbers of at least 1 and a duration of at least 1 ms.',
    ],
    [
      'limits.rate',
      { task: true, limits: { rate: { max: 5, duration: 0 } } },
      'Tools.run: limits is {"rate":{"max":5,"duration":0}}. Give { concurrency }, { rate: { max, duration } } or both, with whole numbers of at least 1 and a duration of at least 1 ms.',
    ],
    [
      'limits.rate.duration',
      { task: true, limits: { rate: { max: 5, duration: 'soon' } } },
      "Tools.run: limits.rate.duration is \"soon\". Give milliseconds (a number of at least 0) or a string such as '30s' or '1h'.",
    ],
    [
      'use of limits',
      { task: false, limits: { concurrency: 1 } },
      "Tools.run: limits apply to background calls, which this component does not allow. Set `task` to 'optional' or 'required', or remove limits.",
    ],
    [
      'retry.delay',
      { retry: { attempts: 2, delay: -1 } },
      "Tools.run: retry.delay is -1. Give milliseconds (a number of at least 0) or a string such as '30s' or '1h'.",
    ],
  ])('for a wrong %s of a component', (_option, options, message) => {
    class Tools {
      @tool(options as object)
      run() {}
    }
    expect(refused(Tools)).toEqual({ code: 'OPTIONS_INVALID', message });
  });
});

it('a component of another copy of the package is refused', async () => {
  jest.resetModules();
  const copy = await import('../../../src/components/define.js');
  expect(refused(copy.defineTool({ name: 'from-elsewhere', run: () => 1 }))).toMatchObject({
    code: 'PACKAGE_COPIES',
    message: expect.stringContaining("The tool 'from-elsewhere' comes from errand in "),
  });
});
