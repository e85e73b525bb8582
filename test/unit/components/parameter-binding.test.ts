import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { ask, Context, inject, job, param, Progress, tool } from '../../../src/index.js';
import { refusalOf } from '../../helpers/thrown.js';
import { refused } from './refused.js';

interface Shape {
  readonly side: number;
}
const Input = z.object({ a: z.string() });
type Input = z.infer<typeof Input>;

describe('the binding rule refuses', () => {
  it('@param beside input', () => {
    class Tools {
      @tool({ input: Input })
      run(input: Input, @param('b', z.string()) b: string) {
        return [input, b];
      }
    }
    expect(refused(Tools)).toEqual({
      code: 'PARAMETER_CONFLICT',
      message:
        "Tools.run, parameter 2 (b): @param('b') cannot be combined with `input`. Use @param for every argument, or add 'b' to the input schema.",
    });
  });

  it('@param and @inject on one parameter', () => {
    class Tools {
      @tool()
      run(@param('ctx', z.any()) @inject(Context) ctx: Context) {
        return [ctx];
      }
    }
    expect(refused(Tools)).toEqual({
      code: 'PARAMETER_CONFLICT',
      message: 'Tools.run, parameter 1 (ctx), has both @param and @inject. Keep one.',
    });
  });

  it('@ask and @inject on one parameter', () => {
    class Tools {
      @tool()
      run(@ask('Which?', z.any()) @inject(Context) ctx: Context) {
        return [ctx];
      }
    }
    expect(refused(Tools).message).toBe('Tools.run, parameter 1 (ctx), has both @ask and @inject. Keep one.');
  });

  it('@param and @ask on one parameter, when the class is defined', () => {
    const declare = (): unknown => {
      class Tools {
        @tool()
        run(@param('a', z.string()) @ask('Which?', z.string()) a: string) {
          return [a];
        }
      }
      return Tools;
    };
    expect(refusalOf(declare)).toEqual({
      code: 'PARAMETER_CONFLICT',
      message: 'Tools.run, parameter 1, has two of @param and @ask. Keep one.',
    });
  });

  it('two arguments of the same name', () => {
    class Tools {
      @tool()
      run(@param('a', z.string()) a: string, @param('a', z.number()) b: number) {
        return [a, b];
      }
    }
    expect(refused(Tools)).toEqual({
      code: 'PARAMETER_CONFLICT',
      message: "Tools.run, parameter 2 (b): a second @param('a'). Give each argument a name of its own.",
    });
  });

  it.each(['', '__proto__'])('%p as the name of an argument', (name) => {
    class Tools {
      @tool()
      run(@param(name, z.string()) a: string) {
        return [a];
      }
    }
    expect(refused(Tools)).toEqual({
      code: 'PARAMETER_CONFLICT',
      message: `Tools.run, parameter 1 (a): '${name}' cannot be the name of an argument. Choose another.`,
    });
  });

  it('a token where the input would go', () => {
    class Tools {
      @tool({ input: z.object({}) })
      run(ctx: Context, input: object) {
        return [ctx, input];
      }
    }
    expect(refused(Tools)).toEqual({
      code: 'PARAMETER_CONFLICT',
      message:
        'Tools.run, parameter 1 (ctx), receives the input as the first parameter without a decorator, but its type Context is an injectable token. ' +
        'Put a parameter for the input before it, or write @inject(Context) on it.',
    });
  });

  it('an interface without a token', () => {
    class Tools {
      @tool()
      run(ctx: Context, shape: Shape) {
        return [ctx, shape];
      }
    }
    const { code, message } = refused(Tools);
    expect(code).toBe('PARAMETER_UNBOUND');
    expect(message).toMatch(
      /^Tools\.run, parameter 2 \(shape\): its type does not exist at run time\. .* write @inject\(Token\)\.$/,
    );
  });

  it('a primitive without @param', () => {
    class Tools {
      @tool()
      run(name: string) {
        return [name];
      }
    }
    expect(refused(Tools)).toEqual({
      code: 'PARAMETER_UNBOUND',
      message:
        'Tools.run, parameter 1 (name): its type is String, which is never injected by type. Did you mean @param(name, schema)? Otherwise write @inject(Token).',
    });
  });

  it('a parameter without metadata', () => {
    class Tools {
      run(ctx: unknown) {
        return [ctx];
      }
    }
    const descriptor = Object.getOwnPropertyDescriptor(Tools.prototype, 'run')!;
    tool()(Tools.prototype, 'run', descriptor);
    expect(refused(Tools)).toEqual({
      code: 'PARAMETER_UNBOUND',
      message:
        'Tools.run, parameter 1 (ctx): the compiler emitted no metadata for it. Write @inject(Token), or enable emitDecoratorMetadata.',
    });
  });

  it('a class without a provider, with its path', () => {
    class Warehouse {}
    class Tools {
      @tool()
      run(warehouse: Warehouse) {
        return [warehouse];
      }
    }
    const { code, message } = refused(Tools);
    expect(code).toBe('TOKEN_NOT_REGISTERED');
    expect(message).toMatch(/^Tools\.run → Warehouse: not registered\./);
  });

  it('a second undecorated parameter without a token, after the first took the input', () => {
    class Tools {
      @tool({ input: Input })
      run(input: Input, more: Input) {
        return [input, more];
      }
    }
    expect(refused(Tools)).toMatchObject({ code: 'PARAMETER_UNBOUND' });
    expect(refused(Tools).message).toMatch(/^Tools\.run, parameter 2 \(more\): its type does not exist at run time\./);
  });

  it('@ask in a job, which has no client', () => {
    class Jobs {
      @job()
      run(@ask('Sure?', z.boolean()) sure: boolean) {
        return [sure];
      }
    }
    expect(refused(Jobs)).toEqual({
      code: 'COMPONENT_INVALID',
      message: 'Jobs.run: a job has no client, so @ask has nobody to ask. Make it a tool, or remove @ask.',
    });
  });
});

describe('the binding rule accepts', () => {
  it('an inherited method, with the parameters of its class', () => {
    class Base {
      @tool()
      run(ctx: Context): unknown {
        return [ctx];
      }
    }
    class Tools extends Base {}
    expect(refused(Tools).code).toBe('NOTHING');
  });

  it('an override with a decorator and parameters of its own', () => {
    class Base {
      @tool()
      run(ctx: Context): unknown {
        return [ctx];
      }
    }
    class Tools extends Base {
      @tool()
      override run(ctx: Context, @param('a', z.string().optional()) a?: string): unknown {
        return [ctx, a];
      }
    }
    class Other extends Base {
      @tool()
      override run(): unknown {
        return 0;
      }
    }
    expect(refused(Other).code).toBe('NOTHING');
    expect(refused(Tools).code).toBe('NOTHING');
  });

  it('injected parameters before the input, if they are decorated', () => {
    class Tools {
      @tool({ input: Input })
      run(@inject(Context) ctx: Context, input: Input, progress: Progress) {
        return [ctx, input, progress];
      }
    }
    expect(refused(Tools).code).toBe('NOTHING');
  });

  it('a job without a name, which is named Class.method', () => {
    class Jobs {
      @job()
      run() {}
    }
    expect(refused(Jobs).code).toBe('NOTHING');
  });
});
