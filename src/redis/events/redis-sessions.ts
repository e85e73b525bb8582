import type { Json } from '../../base/json.js';
import type { SessionNews, Sessions, StoredSession } from '../../docket/engine/sessions.js';
import { nodeOf, type Presence } from './presence.js';
import {
  changeSessionScript,
  endSessionScript,
  findSessionScript,
  holderScript,
  holdScript,
  keepSessionScript,
  leaveSessionScript,
  openTasksScript,
  saveSessionScript,
  tellSessionScript,
} from '../scripts/sessions.js';
import type { Argument, Reply, Script } from '../scripts/script.js';

type Listener = (news: SessionNews) => void;

/** A session that places of this process serve. */
interface Served {
  readonly places: Map<string, Listener>;
  /** The place that holds it, as far as this process knows, and how often that had changed then. */
  holder: string | undefined;
  changes: number;
  stopWaiting: (() => void) | undefined;
}

/** What the sessions need of their engine. */
export interface RedisSessionsHost {
  run(script: Script, ...args: readonly Argument[]): Promise<Reply>;
  /** Has the news of a session sent to this process. Returns what stops that. */
  watch(session: string): Promise<() => void>;
  readonly presence: Presence;
  report(error: unknown): void;
}

/** {@link Sessions} of several processes. */
export class RedisSessions implements Sessions {
  private readonly served = new Map<string, Served>();

  constructor(private readonly host: RedisSessionsHost) {}

  async save(id: string, place: string, { owner, client }: StoredSession, life: number): Promise<void> {
    await this.host.run(saveSessionScript, id, place, owner, JSON.stringify(client), Math.ceil(life));
  }

  async find(id: string): Promise<StoredSession | undefined> {
    const [owner, client] = (await this.host.run(findSessionScript, id)) as readonly Reply[];
    if (typeof owner !== 'string' || typeof client !== 'string') return undefined;
    return { owner, client: JSON.parse(client) as Json };
  }

  async keep(id: string, place: string, life: number): Promise<boolean> {
    return (await this.host.run(keepSessionScript, id, place, Math.ceil(life))) === 1;
  }

  async change(id: string, place: string, client: Json): Promise<void> {
    await this.host.run(changeSessionScript, id, place, JSON.stringify(client));
  }

  async end(id: string, lastUsedBy = ''): Promise<void> {
    await this.host.run(endSessionScript, id, lastUsedBy);
  }

  async serve(id: string, place: string, listener: Listener): Promise<() => void> {
    const served = this.served.get(id) ?? {
      places: new Map<string, Listener>(),
      holder: undefined,
      changes: 0,
      stopWaiting: undefined,
    };
    this.served.set(id, served);
    served.places.set(place, listener);
    const stop = (): void => {
      if (!served.places.delete(place) || served.places.size > 0) return;
      served.stopWaiting?.();
      if (this.served.get(id) === served) this.served.delete(id);
    };
    try {
      const unwatch = await this.host.watch(id);
      // Asked once the news come: whoever holds it from now on is told.
      const [changes, holder] = await this.holderOf(id);
      if (changes >= served.changes) this.holdBy(id, served, changes, holder);
      if (served.holder !== undefined) this.deliver(id, place, { type: 'held', connection: served.holder });
      return () => {
        stop();
        unwatch();
      };
    } catch (error) {
      stop();
      throw error;
    }
  }

  async publish(id: string, place: string, message: Json): Promise<void> {
    await this.host.run(tellSessionScript, id, place, JSON.stringify(message));
  }

  async hold(id: string, place: string): Promise<readonly string[]> {
    this.host.presence.tookAgain(holding(id, place));
    const [changes, tasks] = (await this.host.run(holdScript, id, place)) as readonly [number, readonly Reply[]];
    // Where that came first, the same is no news when it comes from Redis.
    if (changes > 0) this.held(id, changes, place);
    return tasks.map(String);
  }

  async leave(id: string, place: string): Promise<void> {
    await this.host.presence.giveUp(holding(id, place), () => this.host.run(leaveSessionScript, id, place));
  }

  async openTasks(id: string): Promise<readonly string[]> {
    return ((await this.host.run(openTasksScript, id)) as readonly Reply[]).map(String);
  }

  /** An entry of the inbox that is about a session. */
  take(entry: Readonly<Record<string, string>>): void {
    const { '@session': id = '', '@from': from = '', '@type': type, '@value': value = '' } = entry;
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

  /** Entries were missed: tells how things are now. What places told each other is lost. */
  async refresh(): Promise<void> {
    for (const id of [...this.served.keys()]) {
      const stored = await this.find(id);
      if (stored === undefined) {
        this.spread(id, { type: 'ended' }, '');
        continue;
      }
      this.spread(id, { type: 'changed', client: stored.client }, '');
      const [changes, holder] = await this.holderOf(id);
      const served = this.served.get(id);
      // Also where Redis has lost the last changes.
      if (served) this.holdBy(id, served, changes, holder);
      this.spread(id, { type: 'held', connection: holder }, '');
    }
  }

  private async holderOf(id: string): Promise<[changes: number, place: string | undefined]> {
    const [changes, place] = (await this.host.run(holderScript, id)) as readonly [number, string];
    return [changes, place === '' ? undefined : place];
  }

  private held(id: string, changes: number, place: string | undefined, from = ''): void {
    const served = this.served.get(id);
    if (served === undefined || changes <= served.changes) return;
    this.holdBy(id, served, changes, place);
    // Who holds it is told as well: each place knows from its news alone who that is.
    this.spread(id, { type: 'held', connection: place }, place === undefined ? from : '');
  }

  /** A holder whose process is killed says nothing. */
  private holdBy(id: string, served: Served, changes: number, place: string | undefined): void {
    served.stopWaiting?.();
    served.holder = place;
    served.changes = changes;
    const onGone = (): void => {
      served.holder = undefined;
      this.spread(id, { type: 'held', connection: undefined }, '');
    };
    served.stopWaiting = place === undefined ? undefined : this.host.presence.onGone(nodeOf(place), onGone);
  }

  private spread(id: string, news: SessionNews, from: string): void {
    for (const place of [...(this.served.get(id)?.places.keys() ?? [])]) {
      if (place !== from) this.deliver(id, place, news);
    }
  }

  private deliver(id: string, place: string, news: SessionNews): void {
    queueMicrotask(() => {
      try {
        this.served.get(id)?.places.get(place)?.(news);
      } catch (error) {
        this.host.report(error);
      }
    });
  }
}

const holding = (session: string, place: string): string => `session ${session} ${place}`;
