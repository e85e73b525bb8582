import 'reflect-metadata';
import { afterEach, describe, expect, it } from '@jest/globals';
import { container as globalContainer } from 'tsyringe';
import { z } from 'zod';
import {
  Context,
  defineTool,
  inject,
  injectable,
  lazy,
  token,
  tool,
  ToolError,
  type ExternalContainer,
  type Provider,
  type Token,
} from '../../src/index.js';
import { eventually } from '../helpers/eventually.js';
import { call, closeOpened, connect, modes, serverOf, textOf } from '../helpers/in-memory.js';

afterEach(closeOpened);

const One: Token<string> = token<string>('One');
const Two: Token<string> = token<string>('Two');

/** A call-scoped provider that writes down when it is made and disposed. */
function traced(trace: string[], provide: Token<string>, name: string, failing = false): Provider {
  return {
    provide,
    lifetime: 'call',
    useFactory: async () => {
      await Promise.resolve();
      trace.push(`make ${name}`);
      return name;
    },
    dispose: async () => {
      await Promise.resolve();
      trace.push(`dispose ${name}`);
      if (failing) throw new Error(`cannot dispose ${name}`);
    },
  };
}

describe.each(modes)('in the %s', (mode) => {
  it('what a call made is disposed after its last await, the newest first', async () => {
    const trace: string[] = [];
    const work = defineTool({
      name: 'work',
      task: 'optional',
      inject: [One, Two],
      run: async (_input, one, two) => {
        await Promise.resolve();
        trace.push(`run with ${one} and ${two}`);
        return 'done';
      },
    });
    const { server } = serverOf({
      components: [work],
      providers: [traced(trace, One, 'one'), traced(trace, Two, 'two')],
    });
    expect(textOf(await call(await connect(server), mode, 'work'))).toBe('done');
    expect(trace).toEqual(['make one', 'make two', 'run with one and two', 'dispose two', 'dispose one']);
  });

  it('disposers that throw are all run, their errors logged together and masked', async () => {
    const trace: string[] = [];
    const work = defineTool({ name: 'work', task: 'optional', inject: [One, Two], run: () => 'done' });
    const providers = [traced(trace, One, 'one', true), traced(trace, Two, 'two', true)];
    const { server, log } = serverOf({ components: [work], providers });
    const result = await call(await connect(server), mode, 'work');
    expect(result.isError).toBe(true);
    expect(textOf(result)).toMatch(/^work failed\. Reference [\w-]{36}\.$/);
    expect(trace.filter((line) => line.startsWith('dispose'))).toEqual(['dispose two', 'dispose one']);
    const { error } = log.find(({ level }) => level === 'error')!.fields as { error: AggregateError };
    expect(error).toBeInstanceOf(AggregateError);
    expect(error.errors.map((each) => (each as Error).message)).toEqual(['cannot dispose two', 'cannot dispose one']);
  });

  it('the error of the method counts when disposal fails after it, and that is logged', async () => {
    const trace: string[] = [];
    const work = defineTool({
      name: 'work',
      task: 'optional',
      inject: [One],
      run: () => {
        throw new ToolError('Out of paper');
      },
    });
    const { server, log } = serverOf({ components: [work], providers: [traced(trace, One, 'one', true)] });
    expect(textOf(await call(await connect(server), mode, 'work'))).toBe('Out of paper');
    expect(trace).toEqual(['make one', 'dispose one']);
    expect(log.filter(({ level }) => level === 'error')).toMatchObject([
      { message: 'Disposal failed after a failed call', fields: { error: expect.any(AggregateError) } },
    ]);
  });

  it('a factory that fails disposes what was made before it, and the method does not run', async () => {
    const trace: string[] = [];
    const broken: Provider = {
      provide: Two,
      lifetime: 'call',
      useFactory: async () => Promise.reject(new Error('no connection')),
    };
    const work = defineTool({ name: 'work', task: 'optional', inject: [One, Two], run: () => trace.push('run') });
    const { server, log } = serverOf({ components: [work], providers: [traced(trace, One, 'one'), broken] });
    expect((await call(await connect(server), mode, 'work')).isError).toBe(true);
    expect(trace).toEqual(['make one', 'dispose one']);
    expect(log.find(({ level }) => level === 'error')?.fields.error).toMatchObject({ message: 'no connection' });
  });

  it('the lifetime of a component class is a call, unless it says otherwise', async () => {
    let [perCall, forAll] = [0, 0];
    class Fresh {
      private readonly number = ++perCall;

      @tool({ task: 'optional' })
      fresh() {
        return String(this.number);
      }
    }
    class Kept {
      private readonly number = ++forAll;

      @tool({ task: 'optional' })
      kept() {
        return String(this.number);
      }

      @tool({ task: 'optional' })
      keptToo() {
        return String(this.number);
      }
    }
    const { server } = serverOf({ components: [Fresh, { component: Kept, lifetime: 'singleton' }] });
    const client = await connect(server);
    expect(forAll).toBe(1);
    expect([textOf(await call(client, mode, 'fresh')), textOf(await call(client, mode, 'fresh'))]).toEqual(['1', '2']);
    expect([textOf(await call(client, mode, 'kept')), textOf(await call(client, mode, 'keptToo'))]).toEqual(['1', '1']);
  });

  it('lazy() builds after the question was answered, once, and disposes with the call', async () => {
    const trace: string[] = [];
    class Tools {
      @tool({ task: 'optional' })
      async ask(ctx: Context, @inject(lazy(One)) one: () => Promise<string>) {
        const answer = await ctx.elicit('Go on?', z.boolean());
        trace.push(`answered ${answer.action}`);
        const [first, second] = await Promise.all([one(), one()]);
        return `${first} ${second}`;
      }
    }
    const { server } = serverOf({ components: [Tools], providers: [traced(trace, One, 'one')] });
    const client = await connect(server, { answer: () => ({ action: 'accept', content: { value: true } }) });
    expect(textOf(await call(client, mode, 'ask'))).toBe('one one');
    expect(trace).toEqual(['answered accept', 'make one', 'dispose one']);
  });

  it('lazy() after the end of the call rejects', async () => {
    let late: (() => Promise<string>) | undefined;
    const work = defineTool({
      name: 'work',
      task: 'optional',
      inject: [lazy(One)],
      run: (_input, one) => {
        late = one;
      },
    });
    const { server } = serverOf({ components: [work], providers: [traced([], One, 'one')] });
    await call(await connect(server), mode, 'work');
    await expect(late?.()).rejects.toMatchObject({ code: 'CONTAINER_DISPOSED' });
  });

  it('what a host container makes for a call is asked for with the frame of that call', async () => {
    class Tenant {
      constructor(readonly name: string) {}
    }
    class Host {
      readonly startedAt = 5;
    }
    const host = new Host();
    const frames: unknown[] = [];
    const container: ExternalContainer = {
      has: (wanted) => wanted === Tenant || wanted === Host,
      lifetime: (wanted) => (wanted === Host ? 'singleton' : 'call'),
      resolve: async (wanted, frame) => {
        if (wanted === Host) return host;
        frames.push(frame);
        return new Tenant((frame as { mode: string }).mode);
      },
    };
    const work = defineTool({
      name: 'work',
      task: 'optional',
      inject: [Tenant, Tenant, Host],
      run: (_input, tenant, same, given) => `${tenant.name} ${tenant === same} ${given === host}`,
    });
    const client = await connect(serverOf({ components: [work], container }).server);
    const results = await Promise.all([call(client, mode, 'work'), call(client, mode, 'work')]);
    expect(results.map(textOf)).toEqual(Array(2).fill(`${mode} true true`));
    expect(new Set(frames).size).toBe(2);
  });

  it('a tsyringe container gives what it has registered, from outside: it is not disposed here', async () => {
    @injectable()
    class Warehouse {
      disposals = 0;

      dispose(): void {
        this.disposals++;
      }
    }
    const container = globalContainer.createChildContainer();
    container.registerSingleton(Warehouse);
    container.register<string>('region', { useValue: 'eu' });
    const work = defineTool({
      name: 'work',
      task: 'optional',
      inject: [Warehouse, 'region'],
      run: (_input, warehouse, region) => `${warehouse === container.resolve(Warehouse)} ${String(region)}`,
    });
    const { server } = serverOf({ components: [work], container });
    expect(textOf(await call(await connect(server), mode, 'work'))).toBe('true eu');
    await server.close();
    expect(container.resolve(Warehouse).disposals).toBe(0);
  });
});

describe.each(modes)('a call that runs into its timeout in the %s', (mode) => {
  it.each([
    ['after it has settled, when that is within the grace', '2s', ['make one', 'aborted', 'settled', 'dispose one']],
    [
      'when the grace has passed, and not again when it settles',
      '20ms',
      ['make one', 'aborted', 'dispose one', 'settled'],
    ],
  ] as const)('is answered at once and disposed %s', async (_when, grace, expected) => {
    const trace: string[] = [];
    let settle = (): void => undefined;
    const settled = new Promise<void>((resolve) => {
      settle = resolve;
    });
    const work = defineTool({
      name: 'work',
      task: 'optional',
      timeout: '20ms',
      inject: [One, AbortSignal],
      run: async (_input, _one, signal) => {
        signal.addEventListener('abort', () => trace.push('aborted'), { once: true });
        await settled;
        trace.push('settled');
      },
    });
    const { server, log } = serverOf({ components: [work], providers: [traced(trace, One, 'one')], grace });
    const result = await call(await connect(server), mode, 'work');
    expect(textOf(result)).toBe('The call did not finish within its timeout of 20 ms.');
    expect(trace).not.toContain('settled');
    if (grace === '20ms') await eventually(() => expect(trace).toContain('dispose one'));
    settle();
    await eventually(() => expect(trace).toEqual(expected));
    await server.close();
    expect(trace).toEqual(expected);
    const warnings = log.filter(({ level }) => level === 'warning').map(({ message }) => message);
    expect(warnings).toEqual(
      grace === '20ms' ? ['A call that was ended did not stop within its grace; its container is disposed'] : [],
    );
  });
});

describe('singletons', () => {
  it('are built once, in order, before the first client is served, and disposed in reverse', async () => {
    const trace: string[] = [];
    const single = (provide: Token<string>, name: string, needs: Token<string>[] = []): Provider => ({
      provide,
      inject: needs,
      useFactory: async () => {
        await Promise.resolve();
        trace.push(`make ${name}`);
        return name;
      },
      dispose: () => trace.push(`dispose ${name}`),
    });
    const work = defineTool({ name: 'work', task: 'optional', inject: [One], run: (_input, one) => one });
    const { server } = serverOf({ components: [work], providers: [single(One, 'one', [Two]), single(Two, 'two')] });
    expect(trace).toEqual([]);
    const clients = await Promise.all([connect(server), connect(server)]);
    expect(trace).toEqual(['make two', 'make one']);
    await Promise.all(clients.flatMap((client) => modes.map((mode) => call(client, mode, 'work'))));
    await server.close();
    expect(trace).toEqual(['make two', 'make one', 'dispose one', 'dispose two']);
  });
});

describe('with({ override })', () => {
  it('swaps a provider, leaves the original as it was, and has a docket of its own', async () => {
    const work = defineTool({ name: 'work', task: 'optional', inject: [One], run: (_input, one) => one });
    const { server } = serverOf({ components: [work], providers: [{ provide: One, useValue: 'real' }] });
    const derived = server.with({ override: [{ provide: One, useValue: 'fake' }] });
    const [original, other] = [await connect(server), await connect(derived)];
    for (const mode of modes) {
      expect(textOf(await call(other, mode, 'work'))).toBe('fake');
      expect(textOf(await call(original, mode, 'work'))).toBe('real');
    }
    const tasksOf = async (client: typeof original): Promise<string[]> =>
      (await client.experimental.tasks.listTasks()).tasks.map(({ taskId }) => taskId);
    const [ours, theirs] = [await tasksOf(original), await tasksOf(other)];
    expect([ours.length, theirs.length]).toEqual([1, 1]);
    expect(ours).not.toEqual(theirs);
    await derived.close();
    expect(textOf(await call(original, 'background', 'work'))).toBe('real');
  });

  it('builds singletons of its own', async () => {
    let built = 0;
    class Warehouse {
      readonly number = ++built;
    }
    const work = defineTool({
      name: 'work',
      inject: [Warehouse, One],
      run: (_input, warehouse, one) => `${warehouse.number} ${one}`,
    });
    const { server } = serverOf({ components: [work], providers: [Warehouse, { provide: One, useValue: 'real' }] });
    const derived = server.with({ override: [{ provide: One, useValue: 'fake' }] });
    const [original, other] = [await connect(server), await connect(derived)];
    expect(textOf(await call(original, 'foreground', 'work'))).toBe('1 real');
    expect(textOf(await call(other, 'foreground', 'work'))).toBe('2 fake');
    await derived.close();
  });
});

describe('a call that its client cancels', () => {
  it('is disposed as well, after it has settled', async () => {
    const trace: string[] = [];
    const work = defineTool({
      name: 'work',
      inject: [One, AbortSignal],
      run: async (_input, _one, signal) => {
        trace.push('run');
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        trace.push('aborted');
        await new Promise((resolve) => setImmediate(resolve));
        trace.push('settled');
      },
    });
    const { server } = serverOf({ components: [work], providers: [traced(trace, One, 'one')] });
    const client = await connect(server);
    const abort = new AbortController();
    const answer = client.callTool({ name: 'work' }, undefined, { signal: abort.signal });
    await eventually(() => expect(trace).toContain('run'));
    abort.abort('enough');
    await expect(answer).rejects.toThrow();
    await eventually(() => expect(trace).toEqual(['make one', 'run', 'aborted', 'settled', 'dispose one']));
  });
});
