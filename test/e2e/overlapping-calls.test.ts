import { afterEach, describe, expect, it } from '@jest/globals';
import {
  Context,
  CurrentPrincipal,
  inject,
  injectable,
  lazy,
  Progress,
  token,
  tool,
  type Provider,
  type Token,
} from '../../src/index.js';
import { call, closeOpened, connect, modes, serverOf } from '../helpers/in-memory.js';

afterEach(closeOpened);

/** Something of one call, as a database session would be. */
class Session {
  disposals = 0;
  readonly users = new Set<unknown>();
}

/** Gives sessions asynchronously and remembers all of them. */
class Pool {
  readonly sessions: Session[] = [];

  async acquire(): Promise<Session> {
    await new Promise((resolve) => setImmediate(resolve));
    const session = new Session();
    this.sessions.push(session);
    return session;
  }

  /** How often each session was disposed and by how many calls it was used, each distinct combination once. */
  get use(): string[] {
    return [...new Set(this.sessions.map(({ disposals, users }) => `${disposals} disposed, ${users.size} used`))];
  }
}

const Id: Token<object> = token<object>('Id');

@injectable()
class Repository {
  constructor(
    readonly session: Session,
    @inject(lazy(Session)) readonly lazily: () => Promise<Session>,
  ) {}
}

const seen: { ctx: Context; progress: Progress; signal: AbortSignal; id: object; self: object; session: Session }[] =
  [];

@injectable()
class Tools {
  constructor(
    private readonly repository: Repository,
    private readonly session: Session,
  ) {}

  @tool({ task: 'optional' })
  async use(ctx: Context, progress: Progress, signal: AbortSignal, @inject(Id) id: object, session: Session) {
    const places = [this.session, this.repository.session, session, await this.repository.lazily()];
    for (const each of places) each.users.add(this);
    seen.push({ ctx, progress, signal, id, self: this, session });
    await progress.increment();
    await new Promise((resolve) => setImmediate(resolve));
    if (session.disposals > 0) return 'used after disposal';
    return new Set(places).size === 1 && progress.current === 1 ? 'ok' : 'mixed up';
  }
}

function setUp(): { pool: Pool; providers: Provider[] } {
  seen.length = 0;
  const pool = new Pool();
  const session: Provider = {
    provide: Session,
    useFactory: () => pool.acquire(),
    lifetime: 'call',
    dispose: async (each: Session) => {
      await Promise.resolve();
      each.disposals++;
    },
  };
  const providers: Provider[] = [
    session,
    { provide: Repository, useClass: Repository, lifetime: 'call' },
    { provide: Id, useFactory: () => ({}), lifetime: 'call' },
  ];
  return { pool, providers };
}

describe.each(modes)('in the %s', (mode) => {
  it('two overlapping calls of one tool share nothing of a call [F8] [F9]', async () => {
    const { pool, providers } = setUp();
    const client = await connect(serverOf({ components: [Tools], providers }).server);
    const results = await Promise.all([call(client, mode, 'use'), call(client, mode, 'use')]);
    expect(results.map(({ content }) => content)).toEqual(Array(2).fill([{ type: 'text', text: 'ok' }]));
    const [one, two] = seen;
    for (const part of ['ctx', 'progress', 'signal', 'id', 'self', 'session'] as const) {
      expect(one?.[part]).toBeDefined();
      expect(one?.[part]).not.toBe(two?.[part]);
    }
    expect(pool.use).toEqual(['1 disposed, 1 used']);
  });

  it('a thousand overlapping calls each have a session of their own, disposed once', async () => {
    const { pool, providers } = setUp();
    const { server } = serverOf({ components: [Tools], providers, docket: { concurrency: 100 } });
    const client = await connect(server);
    const results = await Promise.all(Array.from({ length: 1_000 }, () => call(client, mode, 'use')));
    expect(new Set(results.map(({ content: [first] }) => first?.type === 'text' && first.text))).toEqual(
      new Set(['ok']),
    );
    expect(pool.sessions).toHaveLength(1_000);
    expect(pool.use).toEqual(['1 disposed, 1 used']);
    expect(new Set(seen.map(({ id }) => id)).size).toBe(1_000);
  });

  it('a thousand overlapping calls of many clients keep who called apart [F8]', async () => {
    class WhoAmI {
      @tool({ task: 'optional' })
      async whoAmI(principal: CurrentPrincipal, ctx: Context) {
        const before = principal.facts.subject;
        await new Promise((resolve) => setImmediate(resolve));
        return before === ctx.principal.facts.subject ? before : 'mixed up';
      }
    }
    const { server } = serverOf({ components: [WhoAmI], docket: { concurrency: 50 } });
    const names = Array.from({ length: 20 }, (_, index) => `user-${index}`);
    const answers = names.map(async (name) => {
      const auth = { token: name, clientId: 'app', scopes: [], extra: { sub: name } };
      const client = await connect(server, { auth });
      const results = await Promise.all(Array.from({ length: 50 }, () => call(client, mode, 'whoAmI')));
      return [...new Set(results.map(({ content: [first] }) => (first?.type === 'text' ? first.text : undefined)))];
    });
    expect(await Promise.all(answers)).toEqual(names.map((name) => [name]));
  });
});
