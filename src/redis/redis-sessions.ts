import type { Json } from '../base/json.js';
import type { SessionNews, Sessions, StoredSession } from '../docket/sessions.js';
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
} from './scripts/sessions.js';
import type { Argument, Reply, Script } from './scripts/script.js';

type Listener = (news: SessionNews) => void;

/** A session that places of this process serve. */
interface Served {
  readonly places: Map<string, Listener>;
  /** The place that holds it, as far as this process knows. */
  holder: string | undefined;
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

  async end(id: string, unusedBut = ''): Promise<void> {
    await this.host.run(endSessionScript, id, unusedBut);
  }

  async serve(id: string, place: string, listener: Listener): Promise<() => void> {
    const served = this.served.get(id) ?? {
      places: new Map<string, Listener>(),
      holder: undefined,
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
      const holder = String(await this.host.run(holderScript, id));
      if (holder !== '') this.deliver(id, place, { type: 'held', place: this.holdBy(id, served, holder) });
      return () => {
        stop();
        unwatch();
      };
    } catch (error) {
      stop();
      throw error;
    }
  }

  async tell(id: string, place: string, message: Json): Promise<void> {
    await this.host.run(tellSessionScript, id, place, JSON.stringify(message));
  }

  async hold(id: string, place: string): Promise<readonly string[]> {
    return ((await this.host.run(holdScript, id, place)) as readonly Reply[]).map(String);
  }

  async leave(id: string, place: string): Promise<void> {
    await this.host.run(leaveSessionScript, id, place);
  }

  async openTasks(id: string): Promise<readonly string[]> {
    return ((await this.host.run(openTasksScript, id)) as readonly Reply[]).map(String);
  }

  /** An entry of the inbox that is about a session. */
  take(entry: Readonly<Record<string, string>>): void {
    const { '@session': id = '', '@from': from = '', '@type': type, '@value': value = '' } = entry;
    switch (type) {
      case 'held':
        return this.held(id, value === '' ? undefined : value, from);
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
      const holder = String(await this.host.run(holderScript, id));
      this.held(id, holder === '' ? undefined : holder, holder);
    }
  }

  private held(id: string, place: string | undefined, from: string): void {
    const served = this.served.get(id);
    if (served) this.spread(id, { type: 'held', place: this.holdBy(id, served, place) }, from);
  }

  /** A holder whose process is killed says nothing. */
  private holdBy(id: string, served: Served, place: string | undefined): string | undefined {
    served.stopWaiting?.();
    served.holder = place;
    const onGone = (): void => this.held(id, undefined, place ?? '');
    served.stopWaiting = place === undefined ? undefined : this.host.presence.onGone(nodeOf(place), onGone);
    return place;
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
