import type { Engine, EngineEvent } from './engine/engine.js';
import { isTerminal, type ExecutionRecord } from './engine/record.js';
import { toSummary, type ExecutionSummary } from './execution-summary.js';
import { closedMeanwhile, keepAlive, onAbort, unknownExecution, waitForEnd } from './wait.js';

/** Something that happened to an execution of the docket. */
export interface DocketEvent {
  /**
   * `now`: as it was found when somebody began to follow it; `state`: it has another state, or was found ended; `progress`:
   * it has reported how far it is; `question`: it asks its client something; `closed`: a question needs no answer any more.
   */
  readonly type: 'now' | 'state' | 'progress' | 'question' | 'closed';
  /** The execution as it was then. */
  readonly execution: ExecutionSummary;
}

/** The executions to follow, and for how long. */
export interface SubscribeOptions {
  /** Only the execution with this key, until it has ended. Default: everything that happens in the docket. */
  readonly key?: string;
  /** Ends the iteration, which rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** The most events that wait for a slow reader. */
const mostPending = 1_000;

/** See `DocketClient.subscribe`. */
export async function* docketEvents(
  engine: Engine,
  { key, signal }: SubscribeOptions,
): AsyncGenerator<DocketEvent, void, undefined> {
  signal?.throwIfAborted();
  const events = new PendingEvents();
  const stops = [
    engine.onClose(() => events.fail(closedMeanwhile(key ?? 'the next event'))),
    onAbort(signal, (reason) => events.fail(reason)),
    // The engine's own timers let the process end.
    keepAlive(undefined, () => undefined),
  ];
  const local = new AbortController();
  stops.push(() => local.abort());
  try {
    if (key === undefined) stops.push(await engine.watch({ all: true }, (event) => events.take(event)));
    else stops.push(await followOne(engine, key, events, local.signal));
    for (;;) {
      const event = events.shift();
      if (event) yield event;
      else if (events.isOver()) return;
      else await events.next();
    }
  } finally {
    for (const stop of stops) stop();
  }
}

/** Resolves with what stops it, once the execution was found. */
async function followOne(engine: Engine, key: string, events: PendingEvents, signal: AbortSignal): Promise<() => void> {
  let found: ExecutionRecord | undefined;
  const early: EngineEvent[] = [];
  const take = (event: EngineEvent): void => {
    // The end is waited for below, which misses it in no outage.
    if (!isTerminal(event.record.state)) events.take(event);
  };
  // Watching before reading: what happens in between is seen by one of the two.
  const unwatch = await engine.watch({ key }, (event) => {
    if (found) take(event);
    else early.push(event);
  });
  try {
    const now = await engine.get(key);
    if (now === undefined) throw unknownExecution(key);
    if (!isTerminal(now.state)) events.push({ type: 'now', execution: toSummary(now) });
    found = now;
    early.filter(({ record }) => record.revision > now.revision).forEach(take);
    void untilEnd(engine, key, now, signal).then(
      (ended) => events.end({ type: 'state', execution: toSummary(ended) }),
      (error: unknown) => events.fail(error),
    );
    return unwatch;
  } catch (error) {
    unwatch();
    throw error;
  }
}

async function untilEnd(
  engine: Engine,
  key: string,
  now: ExecutionRecord,
  signal: AbortSignal,
): Promise<ExecutionRecord> {
  const end = await waitForEnd(engine, key, { signal });
  const last = await engine.get(key);
  // It may have expired, or be another one under the key already.
  return last?.generation === end.generation ? last : { ...now, openQuestions: 0, ...end };
}

/** Events that were not read yet. */
class PendingEvents {
  private readonly pending: DocketEvent[] = [];
  private over = false;
  private failure?: { readonly reason: unknown };
  private wake = (): void => undefined;

  take({ type, record }: EngineEvent): void {
    if (type !== 'notice') this.push({ type, execution: toSummary(record) });
  }

  push(event: DocketEvent): void {
    if (this.over) return;
    this.pending.push(event);
    if (this.pending.length > mostPending) this.pending.shift();
    this.wake();
  }

  /** The last event. */
  end(event: DocketEvent): void {
    this.push(event);
    this.over = true;
  }

  /** Earlier events can still be read. */
  fail(reason: unknown): void {
    if (this.over) return;
    this.over = true;
    this.failure = { reason };
    this.wake();
  }

  shift(): DocketEvent | undefined {
    return this.pending.shift();
  }

  /** Whether nothing more will come. @throws why, where that is not the end of the execution. */
  isOver(): boolean {
    if (this.failure) throw this.failure.reason;
    return this.over;
  }

  /** Resolves when there is something to read. To be called when there is nothing. */
  next(): Promise<void> {
    return new Promise((resolve) => (this.wake = resolve));
  }
}
