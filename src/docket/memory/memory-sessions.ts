import { copyOfJson, type Json } from '../../base/json.js';
import { endsKept, type SessionNews, type Sessions, type StoredSession } from '../engine/sessions.js';
import type { TimerHeap, Timer } from './timer-heap.js';

type Listener = (news: SessionNews) => void;

/** A stored session. */
interface Kept {
  readonly owner: string;
  client: Json;
  /** The connection that used it last. */
  user: string;
  /** The connection that sends messages belonging to no request; null once it has left. */
  holder: string | null | undefined;
  /** Tasks that ended after the holder had left. */
  missed: string[];
  expiry: Timer;
}

/** The parts of an engine that its sessions depend on. */
export interface MemorySessionsHost {
  /** Makes a transition, after running due timers. */
  step<T>(transition: () => T): Promise<T>;
  now(): number;
  readonly timers: TimerHeap;
  report(error: unknown): void;
}

/** {@link Sessions} of one process, shared by the listeners of a server. */
export class MemorySessions implements Sessions {
  private readonly kept = new Map<string, Kept>();
  private readonly connections = new Map<string, Map<string, Listener>>();
  private readonly open = new Map<string, Set<string>>();

  constructor(private readonly host: MemorySessionsHost) {}

  save(id: string, connection: string, { owner, client }: StoredSession, ttl: number): Promise<void> {
    return this.host.step(() => {
      const expiry = this.expireAfter(id, ttl);
      this.kept.set(id, { owner, client: copyOfJson(client), user: connection, holder: undefined, missed: [], expiry });
    });
  }

  find(id: string): Promise<StoredSession | undefined> {
    return this.host.step(() => {
      const session = this.kept.get(id);
      return session && { owner: session.owner, client: copyOfJson(session.client) };
    });
  }

  keep(id: string, connection: string, ttl: number): Promise<boolean> {
    return this.host.step(() => {
      const session = this.kept.get(id);
      if (!session) return false;
      session.user = connection;
      this.host.timers.delete(session.expiry);
      session.expiry = this.expireAfter(id, ttl);
      return true;
    });
  }

  change(id: string, connection: string, client: Json): Promise<void> {
    return this.host.step(() => {
      const session = this.kept.get(id);
      if (!session) return;
      session.client = copyOfJson(client);
      this.spread(id, { type: 'changed', client: session.client }, connection);
    });
  }

  end(id: string, lastUsedBy?: string): Promise<void> {
    return this.host.step(() => {
      const session = this.kept.get(id);
      if (session && (lastUsedBy === undefined || session.user === lastUsedBy)) this.forget(id, session);
    });
  }

  serve(id: string, connection: string, listener: Listener): Promise<() => void> {
    return this.host.step(() => {
      const connections = this.connections.get(id) ?? new Map<string, Listener>();
      this.connections.set(id, connections.set(connection, listener));
      const holder = this.kept.get(id)?.holder;
      if (holder) this.deliver(id, connection, { type: 'held', connection: holder });
      return () => {
        connections.delete(connection);
        if (connections.size === 0 && this.connections.get(id) === connections) this.connections.delete(id);
      };
    });
  }

  publish(id: string, connection: string, message: Json): Promise<void> {
    return this.host.step(() => this.spread(id, { type: 'message', message: copyOfJson(message) }, connection));
  }

  hold(id: string, connection: string): Promise<readonly string[]> {
    return this.host.step(() => {
      const session = this.kept.get(id);
      const missed = session?.missed ?? [];
      if (session) {
        session.holder = connection;
        session.missed = [];
        this.spread(id, { type: 'held', connection });
      }
      return [...missed, ...(this.open.get(id) ?? [])];
    });
  }

  release(id: string, connection: string): Promise<void> {
    return this.host.step(() => {
      const session = this.kept.get(id);
      if (session?.holder !== connection) return;
      session.holder = null;
      this.spread(id, { type: 'held', connection: undefined }, connection);
    });
  }

  openTasks(id: string): Promise<readonly string[]> {
    return this.host.step(() => [...(this.open.get(id) ?? [])]);
  }

  /** How many tasks of a session are open. */
  openIn(id: string): number {
    return this.open.get(id)?.size ?? 0;
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
    this.connections.clear();
    this.open.clear();
  }

  private expireAfter(id: string, ttl: number): Timer {
    return this.host.timers.add(this.host.now() + ttl, () => {
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
    for (const connection of this.connections.get(id)?.keys() ?? []) {
      if (connection !== from) this.deliver(id, connection, news);
    }
  }

  private deliver(id: string, connection: string, news: SessionNews): void {
    queueMicrotask(() => {
      try {
        this.connections.get(id)?.get(connection)?.(news);
      } catch (error) {
        this.host.report(error);
      }
    });
  }
}
