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
import { traced } from '../helpers/traced.js';
import { call, closeOpened, connect, modes, serverOf, textOf } from '../helpers/in-memory.js';

afterEach(closeOpened);

const One: Token<string> = token<string>('One');
const Two: Token<string> = token<string>('Two');

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
    const { error } = log.find(({ level }) => level === 'error')!.fields as { error: { cause: AggregateError } };
    expect(error).toMatchObject({ code: 'DISPOSAL_FAILED', cause: expect.any(AggregateError) });
    expect(error.cause.errors.map((each) => (each as Error).message)).toEqual([
      'cannot dispose two',
      'cannot dispose one',
    ]);
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
    expect(log.find(({ level }) => level === 'error')?.fields.error).toMatchObject({
      code: 'PROVIDER_FAILED',
      cause: { message: 'no connection' },
    });
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
        return new Tenant(`${frame?.mode}`);
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
