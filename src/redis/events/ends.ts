import type { EndWatch } from '../../docket/engine/engine.js';
import { isTerminal, type ExecutionEnd } from '../../docket/engine/record.js';
import { ExpectedEnds } from './expected-ends.js';
import { endIn, endOf } from '../codec.js';
import { unwatchEndScript, watchEndScript } from '../scripts/inbox.js';
import type { Reply, ScriptRunner } from '../scripts/script.js';

/** Somebody who waits. */
interface Waiter {
  readonly listener: (end: ExecutionEnd | undefined) => void;
  /** The number of the last entry that Redis had sent when it was told of this; unknown until it has answered. */
  after?: number;
  /** What came before that answer. */
  readonly early: { readonly number: number; readonly end: ExecutionEnd }[];
}

/** An execution whose end is waited for here. */
interface Awaited {
  readonly waiters: Set<Waiter>;
  /** The last entry that Redis had sent when it was told of a waiter; Infinity until that is known. */
  since: number;
  /** The entry that told of an end: who waited before it Redis has forgotten. */
  ended: number;
}

/** What ends need of the inbox. */
export interface EndsHost {
  /** The name of this process. */
  readonly node: string;
  /** The number of the last entry that came. */
  lastNumber(): number;
  /** Calls what is not to break the reading. */
  guarded(call: () => void): void;
}

/** Who waits in this process for the ends of executions. They are told in fewer words than those who watch. */
export class Ends {
  /** Of executions that were added here. */
  readonly expected = new ExpectedEnds();
  private readonly awaited = new Map<string, Awaited>();

  constructor(
    private readonly scripts: ScriptRunner,
    private readonly host: EndsHost,
  ) {}

  /** As {@link Engine.watchEnd}. */
  async watch(key: string, listener: Waiter['listener'], generation?: number): Promise<EndWatch> {
    const stands = this.expected.claim(key, generation);
    const awaited = this.awaited.get(key) ?? { waiters: new Set(), since: Infinity, ended: 0 };
    this.awaited.set(key, awaited);
    const waiter: Waiter = { listener, early: [] };
    awaited.waiters.add(waiter);
    const unwatch = (): void => this.forget(key, awaited, waiter);
    if (stands) {
      // Redis has known of this since there is something to tell.
      waiter.after = 0;
      awaited.since = awaited.ended;
      return { now: stands, unwatch };
    }
    awaited.since = Infinity;
    try {
      const [number, now] = await this.tell(key);
      const after = number === false ? this.host.lastNumber() : Number(number);
      waiter.after = after;
      awaited.since = after;
      for (const early of waiter.early) this.pass(waiter, early.end, early.number);
      const end = endIn(now);
      return { unwatch, ...(end && { now: end }) };
    } catch (error) {
      unwatch();
      throw error;
    }
  }

  /** An entry of the inbox says how an execution stands. */
  take(fields: Readonly<Record<string, string>>, number: number): void {
    const end = endOf(fields);
    this.expected.take(end);
    const awaited = this.awaited.get(end.key);
    if (!awaited) return;
    if (isTerminal(end.state)) awaited.ended = number;
    for (const waiter of [...awaited.waiters]) this.pass(waiter, end, number);
  }

  /** Tells Redis again who waits, and those how their executions stand now. */
  async refresh(): Promise<void> {
    this.expected.clear();
    await Promise.all(
      [...this.awaited].map(async ([key, awaited]) => {
        awaited.since = Infinity;
        const [, now] = await this.tell(key);
        this.host.guarded(() => {
          const end = endIn(now);
          for (const { listener, after } of [...awaited.waiters]) {
            if (after !== undefined) this.host.guarded(() => listener(end));
          }
        });
      }),
    );
  }

  async close(): Promise<void> {
    const keys = [...this.awaited.keys()];
    this.awaited.clear();
    await Promise.allSettled(keys.map((key) => this.scripts.run(unwatchEndScript, this.host.node, key)));
  }

  private async tell(key: string): Promise<readonly Reply[]> {
    return (await this.scripts.run(watchEndScript, this.host.node, key)) as readonly Reply[];
  }

  /** What was sent before somebody waited is of no concern to him. */
  private pass(waiter: Waiter, end: ExecutionEnd, number: number): void {
    if (waiter.after === undefined) waiter.early.push({ end, number });
    else if (number > waiter.after) this.host.guarded(() => waiter.listener(end));
  }

  private forget(key: string, awaited: Awaited, waiter: Waiter): void {
    const known = this.awaited.get(key) === awaited && awaited.waiters.delete(waiter);
    if (!known || awaited.waiters.size > 0) return;
    this.awaited.delete(key);
    // Nor where it tells of a later one unasked.
    if (awaited.ended > awaited.since || this.expected.isTold(key)) return;
    // Steps keep their order: whoever waits again is added after this.
    this.scripts.run(unwatchEndScript, this.host.node, key).catch(() => undefined);
  }
}
