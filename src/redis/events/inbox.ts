import { setTimeout as sleep } from 'node:timers/promises';
import type { RedisClient } from '../connection/open-redis.js';
import type { EngineEvent, Unwatch, Watched } from '../../docket/engine/engine.js';
import { isTerminal, type ExecutionRecord, type Question } from '../../docket/engine/record.js';
import { Backlog, droppedIn } from './backlog.js';
import { Ends } from './ends.js';
import { Watchers, type OnError } from '../../docket/engine/watchers.js';
import type { Meters } from '../../telemetry/meters.js';
import { keyOf } from '../keys.js';
import { eventIn, fieldsOf } from '../codec.js';
import type { Reply, ScriptRunner } from '../connection/script-runner.js';
import { lua } from '../lua/bundle.js';

/** How long a process counts as alive, and its inbox is kept, without a heartbeat; and the time between heartbeats. */
const inboxTtl = 600_000;
const heartbeatInterval = 20_000;
/** How long a watch lives without renewal, and the number of heartbeats between renewals. */
const watchTtl = 3_600_000;
const heartbeatsPerRenewal = 60;
/** How long Redis blocks a read, in milliseconds. A connection that is silent for much longer counts as dead. */
const readWait = 2_000;

/** The messages to a process that are not about an execution that it watches. */
export type MessageKind = 'revoke' | 'session' | 'taken' | 'unscheduled' | 'rescheduled';

/** Handles a message. Messages are numbered as they are sent. */
export type MessageHandler = (message: Readonly<Record<string, string>>, number: number) => void;

/** Reads the current state, for watchers that may have missed something. */
export interface CurrentState {
  /** An execution and its questions. */
  execution(
    key: string,
  ): Promise<{ readonly record: ExecutionRecord; readonly questions: readonly Question[] } | undefined>;
  /** The keys of a session's open tasks. */
  openTasks(session: string): Promise<readonly string[]>;
}

/** A subject that this process watches. */
interface Subject {
  readonly of: Watched;
  watching: number;
  /** For a session: its tasks seen so far that have not ended. A missed message may have been the end of one of them. */
  readonly open: Set<string>;
  /** Listeners to notify when the record no longer exists. */
  readonly gone: Set<() => void>;
}

/**
 * The messages that other processes send to this one: a single stream, read by one blocking connection, however many
 * executions are watched. The records are authoritative; after lost messages, watchers get the current state.
 */
export class Inbox {
  /** The callers that wait for the end of an execution. */
  readonly ends: Ends;
  private readonly watchers: Watchers;
  /** The watched subjects, each with the number of its watchers. Redis knows each subject once. */
  private readonly subjects = new Map<string, Subject>();
  /** Number of the message that brought an event: a new watcher ignores messages sent before it began. */
  private readonly numbers = new WeakMap<EngineEvent, number>();
  /** A process joins with number 1. */
  private lastNumber = 1;
  private lastId = '0-0';
  /** Messages were lost: the reader reports the current state before it reads on. */
  private missed = false;
  /** Redis may have forgotten this process or its watches: the reader joins again before it reads on. */
  private unknown = false;
  /** Executions whose progress was left out of the inbox: the reader reports it before it reads on. */
  private readonly again = new Set<string>();
  private readonly backlog: Backlog;
  private readonly handlers = new Map<string, MessageHandler>();
  private readonly missedHandlers: (() => void | Promise<void>)[] = [];
  private joining?: Promise<void>;
  private heartbeats = 0;
  private timer?: NodeJS.Timeout;
  private reading: Promise<void> = Promise.resolve();
  private closed = false;

  constructor(
    /** Id of this process. */
    private readonly node: string,
    private readonly scripts: ScriptRunner,
    private readonly reader: RedisClient,
    private readonly state: CurrentState,
    private readonly meters: Meters,
    private readonly report: OnError,
  ) {
    this.watchers = new Watchers(report);
    this.backlog = new Backlog(node, scripts, report);
    this.ends = new Ends(scripts, {
      node,
      lastNumber: () => this.lastNumber,
      forgotten: () => this.reconnected(),
      guarded: (call) => this.guarded(call),
    });
  }

  /** Passes all messages of a kind to one handler. */
  on(kind: MessageKind, handler: MessageHandler): void {
    this.handlers.set(kind, handler);
  }

  /** Calls a handler after messages were lost, before watchers get the current state. */
  onMissed(handler: () => void | Promise<void>): void {
    this.missedHandlers.push(handler);
  }

  async open(): Promise<void> {
    await this.join();
    this.timer = setInterval(() => void this.sendHeartbeat().catch(this.report), heartbeatInterval).unref();
    this.reading = this.read();
  }

  async close(): Promise<void> {
    this.closed = true;
    clearInterval(this.timer);
    this.watchers.clear();
    this.reader.disconnect();
    await this.reading;
    const subjects = [...this.subjects.values()].map(({ of }) =>
      this.scripts.run(lua.inbox.unwatch, this.node, ...named(of)),
    );
    this.subjects.clear();
    // If any of this does not reach Redis, it expires there.
    await Promise.allSettled([...subjects, this.ends.close(), this.scripts.run(lua.inbox.leave, this.node)]);
  }

  /**
   * Handles a restored connection. Redis may have forgotten the latest writes before it went away, and does not send again
   * what it sent then. A read that was blocked stays blocked; the message sent on joining wakes it.
   */
  reconnected(): void {
    this.unknown = true;
    void this.rejoin().catch(this.report);
  }

  /** Handles that Redis has lost everything. The messages to come may have lower ids than the last one. */
  lost(): void {
    this.lastId = '0-0';
    this.reconnected();
  }

  /** Passes everything that happens after the promise has resolved to `listener`. Calls `gone` as {@link Engine.watch} says. */
  async watch(of: Watched, listener: (event: EngineEvent) => void, gone = (): void => undefined): Promise<Unwatch> {
    const name = named(of).join(' ');
    const subject = this.subjects.get(name) ?? { of, watching: 0, open: new Set(), gone: new Set() };
    this.subjects.set(name, subject);
    subject.watching++;
    // A new function for each watch, since two watches may share a callback.
    const notifyGone = (): void => gone();
    subject.gone.add(notifyGone);
    let after: number | undefined;
    const early: EngineEvent[] = [];
    const isNew = (event: EngineEvent): boolean => (this.numbers.get(event) ?? Infinity) > (after ?? Infinity);
    const stopListening = this.watchers.add(of, (event) => {
      if (after === undefined) early.push(event);
      else if (isNew(event)) listener(event);
    });
    let active = true;
    const unwatch = (): void => {
      if (!active) return;
      active = false;
      stopListening();
      subject.gone.delete(notifyGone);
      if (--subject.watching > 0 || this.closed) return;
      this.subjects.delete(name);
      // Commands keep their order, so a caller that watches again is added after this.
      this.scripts.run(lua.inbox.unwatch, this.node, ...named(of)).catch(() => undefined);
    };
    try {
      const [number] = (await this.scripts.run(lua.inbox.watch, this.node, watchTtl, ...named(of))) as readonly Reply[];
      after = number == null ? this.lastNumber : Number(number);
      // Redis has forgotten this process, so others send it nothing.
      if (number == null) this.reconnected();
      for (const event of early.filter(isNew)) this.guarded(() => listener(event));
      return unwatch;
    } catch (error) {
      unwatch();
      throw error;
    }
  }

  private async join(): Promise<void> {
    await this.scripts.run(lua.inbox.join, this.node, this.lastNumber, inboxTtl);
  }

  private async sendHeartbeat(): Promise<void> {
    await this.backlog.acknowledge(this.lastId);
    const known = await this.scripts.run(lua.inbox.renew, this.node, inboxTtl);
    if (known === 0) {
      // This process counted as dead, so others sent it nothing.
      this.unknown = true;
    } else if (++this.heartbeats % heartbeatsPerRenewal === 0) {
      await this.renew();
    }
  }

  private rejoin(): Promise<void> {
    this.joining ??= this.joinAgain().finally(() => (this.joining = undefined));
    return this.joining;
  }

  private async joinAgain(): Promise<void> {
    this.unknown = false;
    try {
      await this.join();
      await this.renew();
      this.missed = true;
    } catch (error) {
      this.unknown = true;
      throw error;
    }
  }

  private async renew(): Promise<void> {
    const subjects = [...this.subjects.values()].map(({ of }) => named(of));
    for (let index = 0; index < subjects.length; index += 500) {
      await this.scripts.run(lua.inbox.watch, this.node, watchTtl, ...subjects.slice(index, index + 500).flat());
    }
  }

  private async read(): Promise<void> {
    const inbox = keyOf(this.scripts.prefix, 'inbox', this.node);
    while (!this.closed) {
      try {
        // The message that the process has joined may come before the reply.
        if (this.unknown || this.joining) await this.rejoin();
        if (this.missed) await this.catchUp();
        if (this.again.size > 0) await this.emitAgain();
        const reply = await this.reader.xread('COUNT', 500, 'BLOCK', readWait, 'STREAMS', inbox, this.lastId);
        for (const [id, fields] of reply?.[0]?.[1] ?? []) {
          this.lastId = id;
          this.guarded(() => this.receive(fieldsOf(fields)));
        }
        this.backlog.tend(this.lastId);
      } catch (error) {
        if (this.isClosed()) return;
        this.report(error);
        await sleep(500, undefined, { ref: false });
      }
    }
  }

  /** A method, because the value changes during an `await`, which the compiler cannot see. */
  private isClosed(): boolean {
    return this.closed;
  }

  private receive(fields: Readonly<Record<string, string>>): void {
    const number = Number(fields['@number']);
    if (number > this.lastNumber + 1) this.missed = true;
    this.lastNumber = Math.max(number, this.lastNumber);
    this.backlog.received(fields);
    const kind = fields['@event'] ?? '';
    const handler = this.handlers.get(kind);
    if (handler) return handler(fields, number);
    if (kind === 'end') return this.ends.receive(fields, number);
    if (kind === 'dropped') return this.missing(fields);
    const event = eventIn(fields);
    if (event) this.emit(event, number);
  }

  /** Handles the message about those that found no room. */
  private missing(fields: Readonly<Record<string, string>>): void {
    const { kinds, keys } = droppedIn(fields);
    for (const [kind, count] of kinds) this.meters.count('messagesDropped', { 'errand.message.kind': kind }, count);
    for (const key of keys) this.again.add(key);
    // Neither is read again: of progress the latest is, and log lines are gone.
    if ([...kinds.keys()].some((kind) => kind !== 'progress' && kind !== 'notice')) this.missed = true;
  }

  /** Reports the latest progress of executions whose messages found no room. */
  private async emitAgain(): Promise<void> {
    for (const key of [...this.again]) {
      const current = await this.state.execution(key);
      this.again.delete(key);
      if (current?.record.progress) this.emit({ type: 'progress', record: current.record });
    }
  }

  /** Reports the current state to all watchers, since messages were missed. */
  private async catchUp(): Promise<void> {
    this.missed = false;
    try {
      await this.emitCurrent();
    } catch (error) {
      this.missed = true;
      throw error;
    }
  }

  private async emitCurrent(): Promise<void> {
    for (const handler of this.missedHandlers) await handler();
    await this.ends.refresh();
    const keys = new Set<string>();
    for (const { of, open } of [...this.subjects.values()]) {
      const watched = 'session' in of ? [...open, ...(await this.state.openTasks(of.session))] : [];
      if ('key' in of) watched.push(of.key);
      for (const key of watched) keys.add(key);
    }
    for (const key of keys) {
      const current = await this.state.execution(key);
      if (!current) {
        this.notifyGone(key);
        continue;
      }
      const { record, questions } = current;
      for (const question of questions) this.emit({ type: question.answer ? 'closed' : 'question', record, question });
      this.emit({ type: 'state', record });
    }
  }

  private notifyGone(key: string): void {
    for (const gone of [...(this.subjects.get(named({ key }).join(' '))?.gone ?? [])]) this.guarded(gone);
  }

  private emit(event: EngineEvent, number = Infinity): void {
    const { key, session, state } = event.record;
    const subject = session === undefined ? undefined : this.subjects.get(named({ session }).join(' '));
    if (isTerminal(state)) subject?.open.delete(key);
    else subject?.open.add(key);
    this.numbers.set(event, number);
    this.watchers.emit(event);
  }

  private guarded(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.report(error);
    }
  }
}

/** A subject as arguments of scripts. */
function named(of: Watched): [kind: 'key' | 'session' | 'all', name: string] {
  if ('key' in of) return ['key', of.key];
  return 'session' in of ? ['session', of.session] : ['all', ''];
}
