import { copyOfJson, type Json } from '../../base/json.js';
import { endsKept, type SessionNews, type Sessions, type StoredSession } from '../engine/sessions.js';
import type { TimerHeap, Timer } from './timer-heap.js';

type Listener = (news: SessionNews) => void;

/** A session that is kept. */
interface Kept {
  readonly owner: string;
  client: Json;
  /** The place that used it last. */
  user: string;
  /** The place where messages without a request go out; null when that is gone. */
  holder: string | null | undefined;
  /** Tasks that ended when there was no holder any more. */
  missed: string[];
  expiry: Timer;
}

/** What the sessions need of their engine. */
export interface MemorySessionsHost {
  /** Makes a step, after what is due. */
  step<T>(transition: () => T): Promise<T>;
  now(): number;
  readonly timers: TimerHeap;
  report(error: unknown): void;
}

/** {@link Sessions} of one process, which several listeners of a server share. */
export class MemorySessions implements Sessions {
  private readonly kept = new Map<string, Kept>();
  private readonly places = new Map<string, Map<string, Listener>>();
  private readonly open = new Map<string, Set<string>>();

  constructor(private readonly host: MemorySessionsHost) {}

  save(id: string, place: string, { owner, client }: StoredSession, life: number): Promise<void> {
    return this.host.step(() => {
      const expiry = this.expireAfter(id, life);
      this.kept.set(id, { owner, client: copyOfJson(client), user: place, holder: undefined, missed: [], expiry });
    });
  }

  find(id: string): Promise<StoredSession | undefined> {
    return this.host.step(() => {
      const session = this.kept.get(id);
      return session && { owner: session.owner, client: copyOfJson(session.client) };
    });
  }

  keep(id: string, place: string, life: number): Promise<boolean> {
    return this.host.step(() => {
      const session = this.kept.get(id);
      if (!session) return false;
      session.user = place;
      this.host.timers.delete(session.expiry);
      session.expiry = this.expireAfter(id, life);
      return true;
    });
  }

  change(id: string, place: string, client: Json): Promise<void> {
    return this.host.step(() => {
      const session = this.kept.get(id);
      if (!session) return;
      session.client = copyOfJson(client);
      this.spread(id, { type: 'changed', client: session.client }, place);
    });
  }

  end(id: string, unusedBut?: string): Promise<void> {
    return this.host.step(() => {
      const session = this.kept.get(id);
      if (session && (unusedBut === undefined || session.user === unusedBut)) this.forget(id, session);
    });
  }

  serve(id: string, place: string, listener: Listener): Promise<() => void> {
    return this.host.step(() => {
      const places = this.places.get(id) ?? new Map<string, Listener>();
      this.places.set(id, places.set(place, listener));
      const holder = this.kept.get(id)?.holder;
      if (holder) this.deliver(id, place, { type: 'held', place: holder });
      return () => {
        places.delete(place);
        if (places.size === 0 && this.places.get(id) === places) this.places.delete(id);
      };
    });
  }

  tell(id: string, place: string, message: Json): Promise<void> {
    return this.host.step(() => this.spread(id, { type: 'message', message: copyOfJson(message) }, place));
  }

  hold(id: string, place: string): Promise<readonly string[]> {
    return this.host.step(() => {
      const session = this.kept.get(id);
      const missed = session?.missed ?? [];
      if (session) {
        session.holder = place;
        session.missed = [];
        this.spread(id, { type: 'held', place });
      }
      return [...missed, ...(this.open.get(id) ?? [])];
    });
  }

  leave(id: string, place: string): Promise<void> {
    return this.host.step(() => {
      const session = this.kept.get(id);
      if (session?.holder !== place) return;
      session.holder = null;
      this.spread(id, { type: 'held', place: undefined }, place);
    });
  }

  openTasks(id: string): Promise<readonly string[]> {
    return this.host.step(() => [...(this.open.get(id) ?? [])]);
  }

  /** A task of a session was added. */
  opened(id: string, key: string): void {
    const open = this.open.get(id) ?? new Set();
    this.open.set(id, open.add(key));
  }

  /** A task of a session has ended. */
  ended(id: string, key: string): void {
    const open = this.open.get(id);
    open?.delete(key);
    if (open?.size === 0) this.open.delete(id);
    const session = this.kept.get(id);
    if (session?.holder === null) session.missed = [...session.missed.slice(1 - endsKept), key];
  }

  clear(): void {
    this.kept.clear();
    this.places.clear();
    this.open.clear();
  }

  private expireAfter(id: string, life: number): Timer {
    return this.host.timers.add(this.host.now() + life, () => {
      const session = this.kept.get(id);
      if (session) this.forget(id, session);
    });
  }

  private forget(id: string, session: Kept): void {
    this.host.timers.delete(session.expiry);
    this.kept.delete(id);
    this.spread(id, { type: 'ended' });
  }

  private spread(id: string, news: SessionNews, from?: string): void {
    for (const place of this.places.get(id)?.keys() ?? []) if (place !== from) this.deliver(id, place, news);
  }

  private deliver(id: string, place: string, news: SessionNews): void {
    queueMicrotask(() => {
      try {
        this.places.get(id)?.get(place)?.(news);
      } catch (error) {
        this.host.report(error);
      }
    });
  }
}
