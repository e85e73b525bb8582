import { afterEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import {
  inject,
  injectable,
  lazy,
  param,
  prompt,
  provide,
  resource,
  token,
  tool,
  ToolError,
  type Lifetime,
} from '../../src/index.js';
import { call, closeOpened, connect, modes, serverOf, textOf } from '../helpers/in-memory.js';

afterEach(closeOpened);

const Orders = token<object>('OrdersDatabase');
const Users = token<object>('UsersDatabase');

class Reports {
  @tool({ task: 'optional' })
  count(@inject(Orders) orders: object, @inject(Users) users: object) {
    return [orders, users].length;
  }
}

const refuses = (lifetime: Lifetime) =>
  provide({ provide: Users, useFactory: () => Promise.reject(new Error('ECONNREFUSED')), lifetime });

describe('a provider that fails is named, with the path to it and what it was for [D3]', () => {
  it.each(modes)('in a call in the %s', async (mode) => {
    const { server, log } = serverOf({
      components: [Reports],
      providers: [{ provide: Orders, useValue: {} }, refuses('call')],
    });
    expect(textOf(await call(await connect(server), mode, 'count'))).toMatch(/^count failed\. Reference /);
    const { error } = log.find(({ level }) => level === 'error')?.fields as { error: Error };
    expect(error).toMatchObject({
      code: 'PROVIDER_FAILED',
      retryable: true,
      message: 'Reports.count → UsersDatabase, for parameter 2 (users): its factory failed: ECONNREFUSED',
      cause: expect.objectContaining({ message: 'ECONNREFUSED' }),
    });
  });

  it('when the server starts, deep in the graph', async () => {
    @injectable()
    class Repository {
      constructor(@inject(Users) readonly users: object) {}
    }
    class Deep {
      @tool()
      run(repository: Repository) {
        return repository.users;
      }
    }
    const { server } = serverOf({ components: [Deep], providers: [Repository, refuses('singleton')] });
    await expect(connect(server)).rejects.toMatchObject({
      code: 'PROVIDER_FAILED',
      message:
        'Deep.run → Repository → UsersDatabase, for constructor parameter 1 (users) of Repository: its factory failed: ECONNREFUSED',
    });
  });

  it('when it is a constructor, of a component too, or behind lazy()', async () => {
    class Broken {
      constructor() {
        throw new Error('no disk');
      }
      @tool()
      first() {}
    }
    class Late {
      @tool()
      async second(@inject(lazy(Broken)) broken: () => Promise<Broken>) {
        await broken();
      }
    }
    const { server, log } = serverOf({
      components: [Broken, Late],
      providers: [{ provide: Broken, useClass: Broken, lifetime: 'call' }],
    });
    const client = await connect(server);
    await call(client, 'foreground', 'first');
    await call(client, 'foreground', 'second');
    expect(log.filter(({ level }) => level === 'error').map(({ fields }) => (fields.error as Error).message)).toEqual([
      'Broken.first: the constructor of Broken failed: no disk',
      'Late.second → lazy(Broken), for parameter 1 (broken): the constructor of Broken failed: no disk',
    ]);
  });

  it('unless its error is meant for the client as it is', async () => {
    const { server } = serverOf({
      components: [Reports],
      providers: [
        { provide: Orders, useValue: {} },
        {
          provide: Users,
          useFactory: () => {
            throw new ToolError('Log in first');
          },
          lifetime: 'call',
        },
      ],
    });
    expect(textOf(await call(await connect(server), 'foreground', 'count'))).toBe('Log in first');
  });
});

describe('arguments that travel as text have the types of their schema [D3]', () => {
  class Typed {
    @prompt({ task: 'optional' })
    typed(
      @param('loud', z.boolean()) loud: boolean,
      @param('coerced', z.coerce.boolean()) coerced: boolean,
      @param('count', z.int()) count: number,
      @param('names', z.array(z.string())) names: string[],
      @param('sizes', z.array(z.number())) sizes: number[],
      @param('mode', z.union([z.literal(1), z.literal('one')])) mode: unknown,
      @param('ratio', z.number().nullable()) ratio: number | null,
      @param('limit', z.number().optional()) limit?: number,
    ) {
      return JSON.stringify({ loud, coerced, count, names, sizes, mode, ratio, limit });
    }

    @resource('typed://{count}/{loud}')
    typedResource(@param('count', z.number()) count: number, @param('loud', z.boolean()) loud: boolean) {
      return { count, loud };
    }
  }

  const good = {
    loud: 'false',
    coerced: 'false',
    count: '-3',
    names: 'Ann, Bob',
    sizes: '[1,2.5]',
    mode: 'one',
    ratio: 'null',
    limit: '',
  };

  const typed = async (args: Record<string, string>): Promise<unknown> => {
    const { server } = serverOf({ components: [Typed] });
    const client = await connect(server);
    const { messages } = await client.getPrompt({ name: 'typed', arguments: { ...good, ...args } });
    return JSON.parse((messages[0]?.content as { text: string }).text);
  };

  it('of prompts', async () => {
    expect(await typed({})).toEqual({
      loud: false,
      coerced: false,
      count: -3,
      names: ['Ann', 'Bob'],
      sizes: [1, 2.5],
      mode: 'one',
      ratio: null,
    });
    expect(await typed({ loud: 'TRUE', sizes: '1, 2', ratio: '.5', limit: '7', names: '' })).toMatchObject({
      loud: true,
      sizes: [1, 2],
      ratio: 0.5,
      limit: 7,
      names: [],
    });
  });

  it.each([
    [{ loud: 'perhaps' }, 'loud: Invalid input: expected boolean, received string'],
    [{ count: '1.5' }, 'count: Invalid input: expected int, received number'],
    [{ count: '' }, 'count: Invalid input: expected number, received string'],
    [{ sizes: '1, x' }, 'sizes.1: Invalid input: expected number, received string'],
    [{ sizes: '[1' }, 'sizes: Invalid input: expected array, received string'],
  ])('of prompts, and what stands for none is refused: %j', async (args, message) => {
    await expect(typed(args)).rejects.toThrow(message);
  });

  it('of prompts, whose list says how to write them where the author does not', async () => {
    const client = await connect(serverOf({ components: [Typed] }).server);
    const { prompts } = await client.listPrompts();
    expect(prompts[0]?.arguments?.map(({ description }) => description)).toEqual([
      'true or false',
      'true or false',
      'A whole number',
      'A list, separated by commas',
      'A list, separated by commas',
      undefined,
      'A number',
      'A number',
    ]);
  });

  it('of resources', async () => {
    const client = await connect(serverOf({ components: [Typed] }).server);
    const { contents } = await client.readResource({ uri: 'typed://12/true' });
    expect(JSON.parse((contents[0] as { text: string }).text)).toEqual({ count: 12, loud: true });
  });
});
