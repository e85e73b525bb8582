import type { EndWatch } from '../../docket/engine/engine.js';
import { isTerminal, type ExecutionEnd } from '../../docket/engine/record.js';
import { ExpectedEnds } from './expected-ends.js';
import { endIn, endOf } from '../codec.js';
import type { Reply, ScriptRunner } from '../connection/script-runner.js';
import { lua } from '../lua/bundle.js';

/** One caller that waits for the end of an execution. */
interface Waiter {
  readonly listener: (end: ExecutionEnd | undefined) => void;
  /** Number of the last message that Redis had sent when it registered this process. Absent until Redis has answered. */
  after?: number;
  /** Ends received before that answer. */
  readonly early: { readonly number: number; readonly end: ExecutionEnd }[];
}

/** An execution whose end this process awaits. */
interface Awaited {
  readonly waiters: Set<Waiter>;
  /** Number of the last message that Redis had sent when it registered this process; Infinity until known. */
  since: number;
  /** Number of the message that reported an end. With it, Redis forgets earlier registrations. */
  ended: number;
}

/** The parts of the inbox that {@link Ends} uses. */
export interface EndsHost {
  /** Id of this process. */
  readonly node: string;
  /** Number of the last message received. */
  lastNumber(): number;
  /** Called when Redis has forgotten this process, so that others send it nothing. */
  forgotten(): void;
  /** Runs a callback whose errors must not stop the reader. */
  guarded(call: () => void): void;
}

/** The callers of this process that wait for the ends of executions. Their messages are shorter than those to watchers. */
export class Ends {
  /** Ends of executions that were added in this process. */
  readonly expected = new ExpectedEnds();
  private readonly awaited = new Map<string, Awaited>();

  constructor(
    private readonly scripts: ScriptRunner,
    private readonly host: EndsHost,
  ) {}

  /** As {@link Engine.watchEnd}. */
  async watch(key: string, listener: Waiter['listener'], generation?: number): Promise<EndWatch> {
    const known = this.expected.handOver(key, generation);
    const awaited = this.awaited.get(key) ?? { waiters: new Set(), since: Infinity, ended: 0 };
    this.awaited.set(key, awaited);
    const waiter: Waiter = { listener, early: [] };
    awaited.waiters.add(waiter);
    const unwatch = (): void => this.forget(key, awaited, waiter);
    if (known) {
      // Redis has reported ends to this process since the execution was added.
      waiter.after = 0;
      awaited.since = awaited.ended;
      return { now: known, unwatch };
    }
    awaited.since = Infinity;
    try {
      const [number, now] = await this.register(key);
      const isForgotten = number == null || number === false;
      const after = isForgotten ? this.host.lastNumber() : Number(number);
      if (isForgotten) this.host.forgotten();
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

  /** Handles an inbox message with the state of an execution. */
  receive(fields: Readonly<Record<string, string>>, number: number): void {
    const end = endOf(fields);
    this.expected.receive(end);
    const awaited = this.awaited.get(end.key);
    if (!awaited) return;
    if (isTerminal(end.state)) awaited.ended = number;
    for (const waiter of [...awaited.waiters]) this.pass(waiter, end, number);
  }

  /** Registers all awaited executions with Redis again and reports their current states. */
  async refresh(): Promise<void> {
    this.expected.clear();
    await Promise.all(
      [...this.awaited].map(async ([key, awaited]) => {
        awaited.since = Infinity;
        const [, now] = await this.register(key);
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
    await Promise.allSettled(keys.map((key) => this.scripts.run(lua.inbox.unwatchEnd, this.host.node, key)));
  }

  private async register(key: string): Promise<readonly Reply[]> {
    return (await this.scripts.run(lua.inbox.watchEnd, this.host.node, key)) as readonly Reply[];
  }

  /** Ignores messages sent before the caller began to wait. */
  private pass(waiter: Waiter, end: ExecutionEnd, number: number): void {
    if (waiter.after === undefined) waiter.early.push({ end, number });
    else if (number > waiter.after) this.host.guarded(() => waiter.listener(end));
  }

  private forget(key: string, awaited: Awaited, waiter: Waiter): void {
    const known = this.awaited.get(key) === awaited && awaited.waiters.delete(waiter);
    if (!known || awaited.waiters.size > 0) return;
    this.awaited.delete(key);
    // Redis has already forgotten this process, or reports a later execution unasked.
    if (awaited.ended > awaited.since || this.expected.isReported(key)) return;
    // Commands keep their order, so a caller that waits again is registered after this.
    this.scripts.run(lua.inbox.unwatchEnd, this.host.node, key).catch(() => undefined);
  }
}
