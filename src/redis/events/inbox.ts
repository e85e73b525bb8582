import { setTimeout as sleep } from 'node:timers/promises';
import type { RedisClient } from '../connection/open-redis.js';
import type { EngineEvent, Revocation, Unwatch, Watched } from '../../docket/engine/engine.js';
import { isTerminal, type ExecutionRecord, type Question } from '../../docket/engine/record.js';
import { Ends } from './ends.js';
import { Watchers, type OnError } from '../../docket/engine/watchers.js';
import { keyOf } from '../keys.js';
import { eventIn, fieldsOf } from '../codec.js';
import { beatScript, joinScript, leaveScript, unwatchScript, watchScript } from '../scripts/inbox.js';
import type { Reply, ScriptRunner } from '../scripts/script.js';

/** How long a process is taken to live, and its inbox kept, without a sign of it; and how often it gives one. */
const life = 600_000;
const beat = 20_000;
/** How long a watch lives without being renewed, which happens with every so-manieth sign. */
const watchLife = 3_600_000;
const beatsPerRenewal = 60;
/** How long Redis lets a read wait; a line on which it says nothing for much longer is dead. */
const readWait = 5_000;
/** Of the connection that reads, in milliseconds. */
export const inboxSilence = 4 * readWait;

/** What an inbox needs of its engine. */
export interface InboxHost {
  /** A run of this process has lost its execution. */
  revoked(run: string, why: Revocation): void;
  /** The execution as it is now, with its questions, for watchers that may have missed something. */
  current(
    key: string,
  ): Promise<{ readonly record: ExecutionRecord; readonly questions: readonly Question[] } | undefined>;
  /** The keys of a session's open tasks. */
  openTasks(session: string): Promise<readonly string[]>;
  /** News of a session that is served here. */
  session(entry: Readonly<Record<string, string>>): void;
  /** News of a place of this process. */
  taken(entry: Readonly<Record<string, string>>): void;
  /** News of sessions may be missed: tell how they are now. */
  refresh(): Promise<void>;
  readonly report: OnError;
}

/** What is watched here. */
interface Subject {
  readonly of: Watched;
  watching: number;
  /** Of a session, the tasks that were heard of and have not ended: when entries are missed, one may have been its end. */
  readonly open: Set<string>;
  /** Who is told when the record is no more. */
  readonly gone: Set<() => void>;
}

/**
 * What reaches this process from others: one stream, read by one connection that waits, however many executions are
 * watched. The truth is in the records; when entries were lost, watchers are told what it is now.
 */
export class Inbox {
  /** Who waits for the end of an execution. */
  readonly ends: Ends;
  private readonly watchers: Watchers;
  /** How many watch each subject here; Redis knows each of them once. */
  private readonly subjects = new Map<string, Subject>();
  /** Entries are numbered as they are sent: whoever starts to watch is not told what was sent before. */
  private readonly numbers = new WeakMap<EngineEvent, number>();
  /** A process joins with the number 1. */
  private lastNumber = 1;
  private lastId = '0-0';
  /** Entries were lost: the reader tells how things are, before it reads on. */
  private missed = false;
  /** Redis may not know of this process, or of what it watches: the reader says it again, before it reads on. */
  private unknown = false;
  private joining?: Promise<void>;
  private beats = 0;
  private timer?: NodeJS.Timeout;
  private reading: Promise<void> = Promise.resolve();
  private closed = false;

  constructor(
    /** The name of this process. */
    private readonly node: string,
    private readonly scripts: ScriptRunner,
    private readonly reader: RedisClient,
    private readonly host: InboxHost,
  ) {
    this.watchers = new Watchers(host.report);
    this.ends = new Ends(scripts, {
      node,
      lastNumber: () => this.lastNumber,
      guarded: (call) => this.guarded(call),
    });
  }

  async open(): Promise<void> {
    await this.join();
    this.timer = setInterval(() => void this.giveSign().catch(this.host.report), beat).unref();
    this.reading = this.read();
  }

  async close(): Promise<void> {
    this.closed = true;
    clearInterval(this.timer);
    this.watchers.clear();
    this.reader.disconnect();
    await this.reading;
    const subjects = [...this.subjects.values()].map(({ of }) =>
      this.scripts.run(unwatchScript, this.node, ...named(of)),
    );
    this.subjects.clear();
    // What Redis is not told, it forgets by itself after a while.
    await Promise.allSettled([...subjects, this.ends.close(), this.scripts.run(leaveScript, this.node)]);
  }

  /**
   * A connection stands again. What Redis was told last before it went away, it may have forgotten, and what it sent then is
   * not sent again. The read that waited goes on waiting; the entry that a process is sent when it joins wakes it.
   */
  reconnected(): void {
    this.unknown = true;
    void this.rejoin().catch(this.host.report);
  }

  /** Tells `listener` of everything that happens after the promise has resolved; `gone` is called as the engine says. */
  async watch(of: Watched, listener: (event: EngineEvent) => void, gone = (): void => undefined): Promise<Unwatch> {
    const name = named(of).join(' ');
    const subject = this.subjects.get(name) ?? { of, watching: 0, open: new Set(), gone: new Set() };
    this.subjects.set(name, subject);
    subject.watching++;
    // Each watch is one, also where two have the same listener.
    const tellGone = (): void => gone();
    subject.gone.add(tellGone);
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
      subject.gone.delete(tellGone);
      if (--subject.watching > 0 || this.closed) return;
      this.subjects.delete(name);
      // Commands keep their order: whoever watches again is added after this.
      this.scripts.run(unwatchScript, this.node, ...named(of)).catch(() => undefined);
    };
    try {
      const [number] = (await this.scripts.run(watchScript, this.node, watchLife, ...named(of))) as readonly Reply[];
      after = number == null ? this.lastNumber : Number(number);
      for (const event of early.filter(isNew)) this.guarded(() => listener(event));
      return unwatch;
    } catch (error) {
      unwatch();
      throw error;
    }
  }

  private async join(): Promise<void> {
    await this.scripts.run(joinScript, this.node, this.lastNumber, life);
  }

  private async giveSign(): Promise<void> {
    const known = await this.scripts.run(beatScript, this.node, life, this.lastId);
    if (known === 0) {
      // Others took this process for dead, and sent it nothing.
      this.unknown = true;
    } else if (++this.beats % beatsPerRenewal === 0) {
      await this.renew();
    }
  }

  private rejoin(): Promise<void> {
    this.joining ??= this.sayAgain().finally(() => (this.joining = undefined));
    return this.joining;
  }

  private async sayAgain(): Promise<void> {
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
      await this.scripts.run(watchScript, this.node, watchLife, ...subjects.slice(index, index + 500).flat());
    }
  }

  private async read(): Promise<void> {
    const inbox = keyOf(this.scripts.prefix, 'inbox', this.node);
    while (!this.closed) {
      try {
        if (this.unknown) await this.rejoin();
        if (this.missed) await this.tellAll();
        const reply = await this.reader.xread('COUNT', 500, 'BLOCK', readWait, 'STREAMS', inbox, this.lastId);
        for (const [id, fields] of reply?.[0]?.[1] ?? []) {
          this.lastId = id;
          this.guarded(() => this.take(fieldsOf(fields)));
        }
      } catch (error) {
        if (this.isClosed()) return;
        this.host.report(error);
        await sleep(500, undefined, { ref: false });
      }
    }
  }

  /** Closing happens while somebody waits, which the compiler cannot see. */
  private isClosed(): boolean {
    return this.closed;
  }

  private take(fields: Readonly<Record<string, string>>): void {
    const number = Number(fields['@number']);
    if (number > this.lastNumber + 1) this.missed = true;
    this.lastNumber = Math.max(number, this.lastNumber);
    if (fields['@event'] === 'revoke') {
      this.host.revoked(String(fields['@run']), fields['@why'] as Revocation);
      return;
    }
    if (fields['@event'] === 'end') return this.ends.take(fields, number);
    if (fields['@event'] === 'session') return this.host.session(fields);
    if (fields['@event'] === 'taken') return this.host.taken(fields);
    const event = eventIn(fields);
    if (event) this.tell(event, number);
  }

  /** Tells the watchers of executions how those are now. */
  private async tellAll(): Promise<void> {
    this.missed = false;
    try {
      await this.tellCurrent();
    } catch (error) {
      this.missed = true;
      throw error;
    }
  }

  private async tellCurrent(): Promise<void> {
    await this.host.refresh();
    await this.ends.refresh();
    const keys = new Set<string>();
    for (const { of, open } of [...this.subjects.values()]) {
      const concerned = 'session' in of ? [...open, ...(await this.host.openTasks(of.session))] : [];
      if ('key' in of) concerned.push(of.key);
      for (const key of concerned) keys.add(key);
    }
    for (const key of keys) {
      const current = await this.host.current(key);
      if (!current) {
        this.tellGone(key);
        continue;
      }
      const { record, questions } = current;
      for (const question of questions) this.tell({ type: question.answer ? 'closed' : 'question', record, question });
      this.tell({ type: 'state', record });
    }
  }

  private tellGone(key: string): void {
    for (const tell of [...(this.subjects.get(named({ key }).join(' '))?.gone ?? [])]) this.guarded(tell);
  }

  private tell(event: EngineEvent, number = Infinity): void {
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
      this.host.report(error);
    }
  }
}

/** A subject as scripts take it. */
function named(of: Watched): [kind: 'key' | 'session' | 'all', name: string] {
  if ('key' in of) return ['key', of.key];
  return 'session' in of ? ['session', of.session] : ['all', ''];
}
