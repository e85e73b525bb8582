import type { Json } from '../../base/json.js';
import type { SessionNews, Sessions, StoredSession } from '../../docket/engine/sessions.js';
import type { Inbox } from './inbox.js';
import { nodeOf, type Presence } from './presence.js';
import type { Reply } from '../connection/script-runner.js';
import type { Commands } from '../connection/commands.js';
import { lua } from '../lua/bundle.js';

type Listener = (news: SessionNews) => void;

/** A session that connections of this process serve. */
interface Served {
  readonly connections: Map<string, Listener>;
  /** The connection that holds it, as far as this process knows, and the number of changes of holder until then. */
  holder: string | undefined;
  changes: number;
  stopWaiting: (() => void) | undefined;
}

/** The parts of the engine that {@link RedisSessions} uses. */
export interface RedisSessionsHost {
  readonly commands: Commands;
  readonly inbox: Inbox;
  readonly presence: Presence;
  report(error: unknown): void;
}

/** {@link Sessions} across processes. */
export class RedisSessions implements Sessions {
  private readonly served = new Map<string, Served>();

  constructor(private readonly host: RedisSessionsHost) {
    host.inbox.on('session', (message) => this.receive(message));
    host.inbox.onMissed(() => this.refresh());
  }

  async save(id: string, connection: string, { owner, client }: StoredSession, ttl: number): Promise<void> {
    await this.host.commands.run(lua.sessions.save, id, connection, owner, JSON.stringify(client), Math.ceil(ttl));
  }

  async find(id: string): Promise<StoredSession | undefined> {
    const [owner, client] = (await this.host.commands.run(lua.sessions.find, id)) as readonly Reply[];
    if (typeof owner !== 'string' || typeof client !== 'string') return undefined;
    try {
      return { owner, client: JSON.parse(client) as Json };
    } catch (error) {
      // Damaged. The client begins a new one.
      this.host.report(error);
      return undefined;
    }
  }

  async keep(id: string, connection: string, ttl: number): Promise<boolean> {
    return (await this.host.commands.run(lua.sessions.keep, id, connection, Math.ceil(ttl))) === 1;
  }

  async change(id: string, connection: string, client: Json): Promise<void> {
    await this.host.commands.run(lua.sessions.change, id, connection, JSON.stringify(client));
  }

  async end(id: string, lastUsedBy = ''): Promise<void> {
    await this.host.commands.run(lua.sessions.end, id, lastUsedBy);
  }

  async serve(id: string, connection: string, listener: Listener): Promise<() => void> {
    const { commands, inbox } = this.host;
    const served = this.served.get(id) ?? {
      connections: new Map<string, Listener>(),
      holder: undefined,
      changes: 0,
      stopWaiting: undefined,
    };
    this.served.set(id, served);
    served.connections.set(connection, listener);
    const stop = (): void => {
      if (!served.connections.delete(connection) || served.connections.size > 0) return;
      served.stopWaiting?.();
      if (this.served.get(id) === served) this.served.delete(id);
    };
    try {
      const unwatch = await commands.guard(() => inbox.watch({ session: id }, () => undefined));
      // Read after subscribing, so that no later change of holder is missed.
      const [changes, holder] = await this.holderOf(id);
      if (changes >= served.changes) this.holdBy(id, served, changes, holder);
      if (served.holder !== undefined) this.deliver(id, connection, { type: 'held', connection: served.holder });
      return () => {
        stop();
        unwatch();
      };
    } catch (error) {
      stop();
      throw error;
    }
  }

  async publish(id: string, connection: string, message: Json): Promise<void> {
    await this.host.commands.run(lua.sessions.publish, id, connection, JSON.stringify(message));
  }

  async hold(id: string, connection: string): Promise<readonly string[]> {
    this.host.presence.acquiredAgain(holdName(id, connection));
    const [changes, tasks] = (await this.host.commands.run(lua.sessions.hold, id, connection)) as readonly [
      number,
      readonly Reply[],
    ];
    // The message from Redis about this change will be ignored, since it has the same number.
    if (changes > 0) this.held(id, changes, connection);
    return tasks.map(String);
  }

  async release(id: string, connection: string): Promise<void> {
    await this.host.presence.release(holdName(id, connection), () =>
      this.host.commands.run(lua.sessions.release, id, connection),
    );
  }

  async openTasks(id: string): Promise<readonly string[]> {
    return ((await this.host.commands.run(lua.sessions.openTasks, id)) as readonly Reply[]).map(String);
  }

  private receive(message: Readonly<Record<string, string>>): void {
    const { '@session': id = '', '@from': from = '', '@type': type, '@value': value = '' } = message;
    switch (type) {
      case 'held': {
        const [changes, holder] = [value.slice(0, value.indexOf(' ')), value.slice(value.indexOf(' ') + 1)];
        return this.held(id, Number(changes), holder === '' ? undefined : holder, from);
      }
      case 'ended':
        return this.spread(id, { type }, from);
      case 'changed':
        return this.spread(id, { type, client: JSON.parse(value) as Json }, from);
      case 'message':
        return this.spread(id, { type, message: JSON.parse(value) as Json }, from);
    }
  }

  /** Reports the current state of all sessions after messages were missed. Messages between connections are lost. */
  private async refresh(): Promise<void> {
    for (const id of [...this.served.keys()]) {
      const stored = await this.find(id);
      if (stored === undefined) {
        this.spread(id, { type: 'ended' }, '');
        continue;
      }
      this.spread(id, { type: 'changed', client: stored.client }, '');
      const [changes, holder] = await this.holderOf(id);
      const served = this.served.get(id);
      // Even if Redis has lost the latest changes.
      if (served) this.holdBy(id, served, changes, holder);
      this.spread(id, { type: 'held', connection: holder }, '');
    }
  }

  private async holderOf(id: string): Promise<[changes: number, connection: string | undefined]> {
    const [changes, connection] = (await this.host.commands.run(lua.sessions.holder, id)) as readonly [number, string];
    return [changes, connection === '' ? undefined : connection];
  }

  private held(id: string, changes: number, connection: string | undefined, from = ''): void {
    const served = this.served.get(id);
    if (served === undefined || changes <= served.changes) return;
    this.holdBy(id, served, changes, connection);
    // The new holder is notified too: connections learn who holds the session from these news alone.
    this.spread(id, { type: 'held', connection }, connection === undefined ? from : '');
  }

  /** Remembers the holder and waits for the death of its process, which nothing else would report. */
  private holdBy(id: string, served: Served, changes: number, connection: string | undefined): void {
    served.stopWaiting?.();
    served.holder = connection;
    served.changes = changes;
    const onGone = (): void => {
      served.holder = undefined;
      this.spread(id, { type: 'held', connection: undefined }, '');
    };
    served.stopWaiting = connection === undefined ? undefined : this.host.presence.onGone(nodeOf(connection), onGone);
  }

  private spread(id: string, news: SessionNews, from: string): void {
    for (const connection of [...(this.served.get(id)?.connections.keys() ?? [])]) {
      if (connection !== from) this.deliver(id, connection, news);
    }
  }

  private deliver(id: string, connection: string, news: SessionNews): void {
    queueMicrotask(() => {
      try {
        this.served.get(id)?.connections.get(connection)?.(news);
      } catch (error) {
        this.host.report(error);
      }
    });
  }
}

const holdName = (session: string, connection: string): string => `session ${session} ${connection}`;
