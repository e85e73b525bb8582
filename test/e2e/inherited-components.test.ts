import { afterEach, describe, expect, it } from '@jest/globals';
import { createServer, inject, injectable, job, prompt, tool, type ServerOptions } from '../../src/index.js';
import { call, closeOpened, connect, serverOf, textOf } from '../helpers/in-memory.js';
import { refusalOf } from '../helpers/thrown.js';

afterEach(closeOpened);

abstract class Crud {
  abstract make(): string;

  @tool()
  list() {
    return this.make();
  }

  @prompt()
  explain() {
    return this.make();
  }

  @job({ name: 'purge' })
  purge() {
    return this.make();
  }

  @job()
  index() {
    return this.make();
  }
}
class Users extends Crud {
  make() {
    return 'users';
  }
}
class Orders extends Crud {
  make() {
    return 'orders';
  }
}

const refused = (components: unknown[]): { code: string; message: string } =>
  refusalOf(() => createServer({ name: 'test', version: '1', components: components as ServerOptions['components'] }));

describe('two classes of one base', () => {
  it('have tools, prompts and named jobs of their own by a prefix [D4]', async () => {
    const { server } = serverOf({
      components: [
        { component: Users, prefix: 'users_' },
        { component: Orders, prefix: 'orders.', lifetime: 'singleton' },
      ],
    });
    const client = await connect(server);
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual(['users_list', 'orders.list']);
    expect(textOf(await call(client, 'foreground', 'users_list'))).toBe('users');
    expect(textOf(await call(client, 'foreground', 'orders.list'))).toBe('orders');
    const { messages } = await client.getPrompt({ name: 'orders.explain' });
    expect(messages[0]?.content).toMatchObject({ text: 'orders' });
    const added = [await server.docket.add(Users, 'purge'), await server.docket.add(Orders, 'index')];
    expect(await Promise.all(added.map((execution) => execution.result()))).toEqual(['users', 'orders']);
    const { executions } = await server.docket.list();
    expect(executions.map(({ component }) => component).sort()).toEqual(['Orders.index', 'users_purge']);
  });

  it('are told of the prefix without it, and a class that is listed twice is told so [D4]', () => {
    expect(refused([Users, Orders])).toEqual({
      code: 'COMPONENT_DUPLICATE',
      message:
        "Users.list and Orders.list are both named 'list'. Both inherit it: list each class with a prefix of its own, { component: Orders, prefix: 'orders_' }.",
    });
    expect(refused([Users, Users]).message).toBe('Users.list is listed twice. Remove one of the entries.');
  });

  it('have a prefix that is text and makes a name [D4]', () => {
    expect(refused([{ component: Users, prefix: 5 }])).toEqual({
      code: 'COMPONENT_INVALID',
      message: "components[0] has prefix: 5. Give text: 'users_'.",
    });
    expect(refused([{ component: Users, prefix: 'users/' }]).message).toContain('the tool is named "users/list"');
  });
});

describe('a base class with constructor parameters', () => {
  class Db {
    readonly value = 1;
  }
  abstract class Repository {
    constructor(protected readonly db: Db) {}
    get(): number {
      return this.db.value;
    }
  }
  class Reads {
    @tool()
    read(@inject('repository') repository: unknown) {
      return (repository as Repository).get();
    }
  }
  const serve = (useClass: new (...args: never[]) => Repository) => ({
    components: [Reads],
    providers: [Db, { provide: 'repository', useClass }],
  });

  it('whose parameters nothing describes is refused with what works [D4]', () => {
    @injectable()
    class Accounts extends Repository {}
    expect(refusalOf(() => createServer({ name: 'test', version: '1', ...serve(Accounts) }))).toEqual({
      code: 'CLASS_NOT_INJECTABLE',
      message:
        'Reads.read → "repository": Accounts, constructor parameter 1 (db): it belongs to the constructor of Repository, which no metadata describes. Write @inject(Token) on it there (an abstract class cannot have @injectable()), or give Accounts a constructor of its own that passes db to super().',
    });
  });

  it('works with @inject in the base, and with a constructor of its own [D4]', async () => {
    abstract class Described {
      constructor(@inject(Db) protected readonly db: Db) {}
      get(): number {
        return this.db.value;
      }
    }
    class ByInject extends Described {}
    @injectable()
    class ByConstructor extends Repository {
      readonly isOwn: boolean;
      constructor(db: Db) {
        super(db);
        this.isOwn = true;
      }
    }
    for (const useClass of [ByInject, ByConstructor] as (new (...args: never[]) => Repository)[]) {
      const client = await connect(serverOf(serve(useClass)).server);
      expect(textOf(await call(client, 'foreground', 'read'))).toBe('1');
    }
  });
});
