import type { EngineEvent, Unwatch, Watched } from './engine.js';

type Listener = (event: EngineEvent) => void;

/** One registration; a listener may be registered more than once. */
interface Watcher {
  readonly listener: Listener;
  active: boolean;
}

/** Receives errors thrown by listeners and handlers. Without one they become uncaught exceptions. */
export type OnError = (error: unknown) => void;

/** Delivers the events of an engine to the watchers in this process: in order, and never synchronously. */
export class Watchers {
  private readonly byKey = new Map<string, Set<Watcher>>();
  private readonly bySession = new Map<string, Set<Watcher>>();
  /** Watchers of all executions, under one name. */
  private readonly ofAll = new Map<string, Set<Watcher>>();
  private queue: { readonly watcher: Watcher; readonly event: EngineEvent }[] = [];

  constructor(private readonly report: OnError) {}

  /** The number of watched keys and sessions; watching all counts as one. */
  get size(): number {
    return this.byKey.size + this.bySession.size + this.ofAll.size;
  }

  add(of: Watched, listener: Listener): Unwatch {
    const [index, name] = this.indexOf(of);
    const watcher: Watcher = { listener, active: true };
    const all = index.get(name) ?? new Set();
    index.set(name, all.add(watcher));
    return () => {
      watcher.active = false;
      all.delete(watcher);
      if (all.size === 0 && index.get(name) === all) index.delete(name);
    };
  }

  /** Queues an event for the current watchers. One removed before delivery does not get it. */
  emit(event: EngineEvent): void {
    const { key, session } = event.record;
    this.enqueue(this.byKey.get(key), event);
    if (session !== undefined) this.enqueue(this.bySession.get(session), event);
    this.enqueue(this.ofAll.get(''), event);
  }

  clear(): void {
    this.byKey.clear();
    this.bySession.clear();
    this.ofAll.clear();
    this.queue = [];
  }

  private indexOf(of: Watched): [index: Map<string, Set<Watcher>>, name: string] {
    if ('key' in of) return [this.byKey, of.key];
    return 'session' in of ? [this.bySession, of.session] : [this.ofAll, ''];
  }

  private enqueue(watchers: ReadonlySet<Watcher> | undefined, event: EngineEvent): void {
    if (!watchers) return;
    for (const watcher of watchers) {
      if (this.queue.length === 0) queueMicrotask(() => this.flush());
      this.queue.push({ watcher, event });
    }
  }

  private flush(): void {
    const due = this.queue;
    this.queue = [];
    for (const { watcher, event } of due) {
      if (!watcher.active) continue;
      try {
        watcher.listener(event);
      } catch (error) {
        this.report(error);
      }
    }
  }
}
