import { describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import {
  ask,
  createServer,
  defineTool,
  inject,
  injectable,
  injectAll,
  job,
  param,
  prompt,
  resource,
  token,
  tool,
  type Provider,
} from '../../../src/index.js';
import { refusalOf } from '../../helpers/thrown.js';
import { refused } from './refused.js';

/** What the compiler would refuse. */
const wrong = (value: unknown): never => value as never;

type Declare = (target: object, name: string, third?: unknown) => unknown;

class Db {}

/** The refusal of a server with a tool that needs `Db`, given these providers. */
const providers = (...given: unknown[]): { code: string; message: string } =>
  refusalOf(() =>
    createServer({
      name: 'test',
      version: '1',
      components: [defineTool({ name: 'use', inject: [Db], run: () => 'used' })],
      providers: given as Provider[],
    }),
  );

describe('a likely mistake of an author is told in a sentence with the way out [D1]', () => {
  it.each<[string, unknown, string]>([
    [
      'text',
      'Greets',
      'Tools.run: @tool takes an object of options, and was given the text "Greets". Write { description: "Greets" }.',
    ],
    [
      'an object of schemas',
      { input: { name: z.string() } },
      'Tools.run: input is an object of schemas. Wrap it: z.object({ name }).',
    ],
    [
      'a JSON schema',
      { input: { type: 'object' } },
      'Tools.run: input is a JSON schema. Describe the value with zod: z.object({ … }).',
    ],
    [
      'a class',
      { output: Db },
      'Tools.run: output is Db, which is no schema. Call it if it makes one, or describe the value: z.object({ … }).',
    ],
    [
      'an empty object',
      { input: {} },
      'Tools.run: input is an empty object that is no schema of zod 4. Give one: z.object({ … }).',
    ],
    [
      'inputSchema',
      { inputSchema: z.object({}) },
      'Tools.run: @tool: "inputSchema" is not an option (did you mean "input"?).',
    ],
    [
      'parameters',
      { parameters: z.object({}) },
      'Tools.run: @tool: "parameters" is not an option (did you mean "input"?).',
    ],
    [
      'a misspelling',
      { descripton: 'x' },
      'Tools.run: @tool: "descripton" is not an option (did you mean "description"?).',
    ],
    [
      'a misspelling in retry',
      { retry: { attempts: 2, dealy: '1s' } },
      'Tools.run: retry: "dealy" is not an option (did you mean "delay"?).',
    ],
    [
      'a description that is no text',
      { description: 5 },
      'Tools.run: @tool: description: Invalid input: expected string, received number.',
    ],
    ['null', null, 'Tools.run: @tool: Invalid input: expected object, received null.'],
  ])('%s in the options of a tool', (_what, options, message) => {
    class Tools {
      @tool(wrong(options))
      run() {
        return 'ran';
      }
    }
    expect(refused(Tools).message).toBe(message);
  });

  it('an option that another kind has, and what no option of the kind is like', () => {
    class Jobs {
      @job(wrong({ description: 'x' }))
      run() {}
    }
    class Prompts {
      @prompt(wrong({ messages: [] }))
      run() {
        return 'x';
      }
    }
    class Resources {
      @resource('a://b', wrong({ mimetype: 'text/plain' }))
      run() {
        return 'x';
      }
    }
    expect(refused(Jobs).message).toBe(
      'Jobs.run: @job: "description" is not an option (known are input, timeout, retry, priority, limits, output, name).',
    );
    expect(refused(Prompts).message).toMatch(
      /^Prompts\.run: @prompt: "messages" is not an option \(known are input, .+\)\.$/,
    );
    expect(refused(Resources).message).toBe(
      'Resources.run: @resource: "mimetype" is not an option (did you mean "mimeType"?).',
    );
  });

  it('a definition with the words of another library, or with nothing to run', () => {
    expect(refused(defineTool(wrong({ name: 'x', handler: () => 1 }))).message).toBe(
      'x: defineTool: "handler" is not an option (did you mean "run"?).',
    );
    expect(refused(defineTool(wrong({ name: 'x' }))).message).toBe(
      'x: run is undefined. Give the function that each call runs.',
    );
    expect(refusalOf(() => defineTool(wrong('x')))).toEqual({
      code: 'COMPONENT_INVALID',
      message: 'defineTool was given a value of type string. Give an object: { name, run, … }.',
    });
  });

  it('@param without a schema or without a name, and @ask without its question', () => {
    class Schemaless {
      @tool()
      run(@param('n', wrong(undefined)) n: unknown) {
        return n;
      }
    }
    class Nameless {
      @tool()
      run(@param(wrong(z.string()), wrong(undefined)) n: unknown) {
        return n;
      }
    }
    class Shape {
      @tool()
      run(@param('n', wrong({ a: z.string() })) n: unknown) {
        return n;
      }
    }
    class Silent {
      @tool()
      run(@ask(wrong(z.string()), wrong(undefined)) n: unknown) {
        return n;
      }
    }
    expect(
      [refused(Schemaless), refused(Nameless), refused(Shape), refused(Silent)].map(({ message }) => message),
    ).toEqual([
      "Schemaless.run, parameter 1 (n): the schema of @param('n') is undefined: it is missing, or imported in a circle. Give a schema: z.string().",
      "Nameless.run, parameter 1 (n): @param was given a schema as the name of its argument. Write @param('n', schema).",
      "Shape.run, parameter 1 (n): the schema of @param('n') is an object of schemas. Wrap it: z.object({ a }).",
      "Silent.run, parameter 1 (n): @ask was given a schema as its question. Write @ask('Which environment?', schema).",
    ]);
  });

  it('a destructured parameter without input, and one beside it', () => {
    class Tools {
      @tool()
      run({ name }: { name: string }) {
        return name;
      }
    }
    class Two {
      @tool({ input: z.object({}) })
      run(input: object, { name }: { name: string }) {
        return [input, name];
      }
    }
    expect(refused(Tools).message).toBe(
      'Tools.run, parameter 1: it is destructured, as the arguments of the client are, but nothing says what it receives. Write @tool({ input: z.object({ … }) }), or @param(name, schema) for each argument.',
    );
    expect(refused(Two).message).toMatch(/^Two\.run, parameter 2: .+ Another parameter receives `input`: .+\.$/);
  });

  it('rest parameters, of methods and constructors', () => {
    class Tools {
      @tool()
      run(...names: string[]) {
        return names;
      }
    }
    class Declared {
      @tool()
      run(@param('all', wrong(z.array(z.string()))) ...all: string[]) {
        return all;
      }
    }
    @injectable()
    class Held {
      constructor(...all: Db[]) {
        this.all = all;
      }
      readonly all: Db[];
      @tool()
      run() {
        return this.all.length;
      }
    }
    const is =
      'it is a rest parameter, which takes one argument after the other, but each parameter receives one value.';
    expect(refused(Tools).message).toBe(
      `Tools.run, parameter 1 (names): ${is} Take an array: @param('names', z.array(…)).`,
    );
    expect(refused(Declared).message).toBe(
      `Declared.run, parameter 1 (all): ${is} Take an array: @param('all', z.array(…)).`,
    );
    expect(refused(Held)).toEqual({
      code: 'PARAMETER_UNBOUND',
      message:
        'Held.run: Held, constructor parameter 1 (all): it is a rest parameter, which cannot be injected. Take an array: @injectAll(Token).',
    });
  });

  it('a decorator on a getter or a property', () => {
    class Getter {
      get run() {
        return 'ran';
      }
    }
    class Property {
      run = () => 'ran';
    }
    (tool() as Declare)(Getter.prototype, 'run', {});
    (tool() as Declare)(Property.prototype, 'run');
    expect(refused(Getter)).toEqual({
      code: 'COMPONENT_INVALID',
      message: '@tool on Getter.run, which is a getter or setter. Write it as a method: run(…) { … }.',
    });
    expect(refused(Property).message).toBe(
      '@tool on Property.run, which is a property. Write it as a method: run(…) { … }.',
    );
  });

  it.each<[string, unknown]>([
    ['tool', tool],
    ['prompt', prompt],
    ['resource', resource],
    ['job', job],
  ])('@%s without parentheses, on a method and on a class', (name, decorator) => {
    class Tools {
      run() {}
    }
    const bare = decorator as (...args: unknown[]) => unknown;
    expect(refusalOf(() => bare(Tools.prototype, 'run', {})).message).toBe(
      `@${name} on the method run of Tools lacks its parentheses. Write @${name}(…).`,
    );
    expect(refusalOf(() => bare(Tools)).message).toBe(
      `@${name} on the class Tools lacks its parentheses. Write @${name}(…).`,
    );
  });

  it('a decorator of a component on a class, and @injectable without parentheses', () => {
    class Tools {
      run() {}
    }
    expect(refusalOf(() => (tool() as unknown as (target: unknown) => void)(Tools)).message).toBe(
      '@tool on the class Tools: a component is an instance method with a string name. Put it on a method of the class.',
    );
    expect(refused((injectable as unknown as (target: unknown) => unknown)(Tools)).message).toBe(
      'components[0] has no method with @tool, @prompt, @resource or @job. Decorate one, or list it under providers. If its class has a decorator without parentheses, add them: @injectable().',
    );
  });

  it('@inject on a property, on a class, and with an option that it does not have', () => {
    class Tools {
      db?: Db;
    }
    const decorate = inject(Db) as unknown as Declare;
    expect(refusalOf(() => decorate(Tools.prototype, 'db')).message).toBe(
      '@inject is on Tools.db, but only parameters are injected. Take the instance in the constructor: constructor(@inject(Token) private readonly name: Type).',
    );
    expect(refusalOf(() => (decorate as (target: unknown) => unknown)(Tools)).message).toMatch(
      /^@inject is on the class Tools, /,
    );
    expect(refusalOf(() => (param('a', z.string()) as unknown as Declare)(Tools.prototype, 'db')).message).toBe(
      '@param on Tools.db: it belongs on a parameter, and this is none.',
    );
    expect(refusalOf(() => inject(Db, wrong({ optinal: true })))).toEqual({
      code: 'OPTIONS_INVALID',
      message: '@inject: "optinal" is not an option (did you mean "optional"?). Write { optional: true } or nothing.',
    });
    expect(refusalOf(() => injectAll(Db, wrong(true))).message).toBe(
      '@injectAll: its options are a boolean. Write { optional: true } or nothing.',
    );
  });

  it.each<[string, unknown, string]>([
    ['an instance', new Db(), 'components[0] is an instance of Db. List the class: components: [Db].'],
    ['a list', [Db], 'components[0] is an array. Spread it: components: [...classes].'],
    ['a promise', Promise.resolve(Db), 'components[0] is a promise. Await it first.'],
    [
      'a misspelt option',
      { component: Db, lifetim: 'call' },
      'components[0] has lifetim, which is not an option. Did you mean "lifetime"?',
    ],
    [
      'a word of NestJS',
      { component: Db, scope: 'call' },
      'components[0] has scope, which is not an option. Did you mean "lifetime"?',
    ],
  ])('%s in components', (_what, entry, message) => {
    expect(refused(entry)).toEqual({ code: 'COMPONENT_INVALID', message });
  });

  it.each<[string, unknown, string]>([
    [
      'an instance',
      new Db(),
      'providers[0] is an instance of Db. List the class, or give the instance as { provide: Db, useValue: … }.',
    ],
    [
      'a word of NestJS',
      { provide: Db, useClass: Db, scope: 'REQUEST' },
      'providers[0] (Db) has scope, which does not go with useClass. Did you mean "lifetime"?',
    ],
    [
      'a misspelling',
      { provide: Db, useFactry: () => new Db() },
      'providers[0] (Db) does not say how to provide it. Did you mean "useFactory"?',
    ],
    [
      'a misspelt token',
      { provides: Db, useClass: Db },
      'providers[0] has no provide, which names the token. Did you mean "provide"?',
    ],
  ])('%s in providers', (_what, entry, message) => {
    expect(providers(entry)).toEqual({ code: 'PROVIDER_INVALID', message });
  });

  it('a token that is nearly one that is provided', () => {
    const Clock = token<number>('Clock');
    const Twin = token<number>('Clock');
    abstract class Store {}
    class MemoryStore extends Store {}
    const messageFor = (wanted: unknown, ...given: unknown[]): string =>
      refusalOf(() =>
        createServer({
          name: 'test',
          version: '1',
          components: [defineTool({ name: 'use', inject: [wanted as never], run: () => 'used' })],
          providers: given as Provider[],
        }),
      ).message;
    expect(messageFor('Db', { provide: 'DB', useValue: 1 })).toBe(
      'use → "Db": not registered. Did you mean "DB"? Add "Db" to providers, or write @inject("Db", { optional: true }) if it may be absent.',
    );
    expect(messageFor('Db', Db)).toContain('not registered. Did you mean the class Db?');
    expect(messageFor('Contxt')).toContain('not registered. Did you mean Context?');
    expect(messageFor(Clock, { provide: Twin, useValue: 1 })).toContain(
      'not registered. Another token of that name is provided: each call of token() makes a new one. Import the one that is provided.',
    );
    expect(messageFor(class Db {}, Db)).toContain(
      'Another class of that name is provided: its file may have been loaded twice.',
    );
    expect(messageFor(Store, MemoryStore)).toContain(
      'not registered. Its subclass MemoryStore is provided: add { provide: Store, useExisting: MemoryStore }.',
    );
    expect(messageFor(Store)).toContain('Add Store (if it is abstract: { provide: Store, useClass: … }) to providers');
  });
});

describe('an option that does not exist is refused with the one that is meant [D1]', () => {
  const good = { name: 'test', version: '1', components: [] };
  const of = (options: object): string => refusalOf(() => createServer({ ...good, ...options })).message;
  const server = createServer({ ...good, components: [defineTool({ name: 'x', task: true, run: () => 1 })] });

  it.each<[string, object, string]>([
    ['createServer', { provider: [] }, 'createServer: "provider" is not an option (did you mean "providers"?).'],
    ['createServer', { tools: [] }, 'createServer: "tools" is not an option (did you mean "components"?).'],
    ['docket', { docket: { urll: '' } }, 'createServer: docket: "urll" is not an option (did you mean "url"?).'],
    [
      'limits',
      { docket: { limits: { openTask: 1 } } },
      'createServer: docket.limits: "openTask" is not an option (did you mean "openTasks"?).',
    ],
    [
      'http',
      { http: { allowedHost: [] } },
      'createServer: http: "allowedHost" is not an option (did you mean "allowedHosts"?).',
    ],
  ])('%s: %j', (_where, options, message) => {
    expect(of(options)).toBe(message);
  });

  it('by server.with(), whatever it is given', () => {
    expect(refusalOf(() => server.with(wrong({ overrides: [] })))).toEqual({
      code: 'OPTIONS_INVALID',
      message:
        'server.with: override: expected an array of providers; "overrides" is not an option (did you mean "override"?).',
    });
    expect(refusalOf(() => server.with(wrong(undefined))).message).toBe(
      'server.with: override: expected an array of providers.',
    );
    expect(refusalOf(() => server.with(wrong({ override: Db }))).message).toBe(
      'server.with: override: expected an array of providers.',
    );
  });

  it('by listen, monitor, startWorker and the docket', async () => {
    const add = server.docket.add.bind(server.docket) as (...args: unknown[]) => Promise<unknown>;
    const schedule = server.docket.schedule.bind(server.docket) as (...args: unknown[]) => Promise<unknown>;
    const x = defineTool({ name: 'x', run: () => 1 });
    await expect(server.listen(wrong({ prot: 1 }))).rejects.toThrow(
      'listen: "prot" is not an option (did you mean "port"?).',
    );
    await expect(server.monitor(wrong({ prot: 1 }))).rejects.toThrow(
      'monitor: "prot" is not an option (did you mean "port"?).',
    );
    await expect(server.startWorker(wrong({ concurency: 1 }))).rejects.toThrow(
      'startWorker: "concurency" is not an option (did you mean "concurrency"?).',
    );
    await expect(add(x, undefined, { delay: '1s' })).rejects.toThrow(
      'docket.add: "delay" is not an option (did you mean "when"?).',
    );
    await expect(schedule('id', { cron: '0 3 * * *', timezon: 'UTC' }, x)).rejects.toThrow(
      'docket.schedule: when: "timezon" is not an option (did you mean "timezone"?).',
    );
    await server.close();
  });
});
