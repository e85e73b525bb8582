import type { Engine, EngineEvent } from './engine/engine.js';
import { isTerminal, type ExecutionRecord } from './engine/record.js';
import { toSummary, type ExecutionSummary } from './execution-summary.js';
import { closedMeanwhile, keepAlive, onAbort, unknownExecution, waitForEnd } from './wait.js';

/** An event of an execution in the docket. */
export interface DocketEvent {
  /**
   * `now`: the execution as it was when the subscription began; `state`: its state changed, or it had already ended;
   * `progress`: it reported progress; `question`: it asks its client a question; `closed`: a question was closed.
   */
  readonly type: 'now' | 'state' | 'progress' | 'question' | 'closed';
  /** The execution at the time of the event. */
  readonly execution: ExecutionSummary;
}

/** The executions to follow, and for how long. */
export interface SubscribeOptions {
  /** Follows only the execution with this key, until it ends. Default: all events of the docket. */
  readonly key?: string;
  /** Ends the iteration, which rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** How many events are buffered for a slow reader. Beyond that, the oldest are dropped. */
const mostPending = 1_000;

/** Implements `DocketClient.subscribe`. */
export async function* docketEvents(
  engine: Engine,
  { key, signal }: SubscribeOptions,
): AsyncGenerator<DocketEvent, void, undefined> {
  signal?.throwIfAborted();
  const events = new PendingEvents();
  const stops = [
    engine.onClose(() => events.fail(closedMeanwhile(key ?? 'the next event'))),
    onAbort(signal, (reason) => events.fail(reason)),
    // The engine's own timers do not keep the process alive.
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

/** Resolves with a function that stops following, once the execution has been found. */
async function followOne(engine: Engine, key: string, events: PendingEvents, signal: AbortSignal): Promise<() => void> {
  let found: ExecutionRecord | undefined;
  const early: EngineEvent[] = [];
  const take = (event: EngineEvent): void => {
    // `untilEnd` reports the end, which it does not miss even in an outage.
    if (!isTerminal(event.record.state)) events.take(event);
  };
  // Watch before reading, so that no change in between is missed.
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
  // It may have expired, or the key may belong to another execution by now.
  return last?.generation === end.generation ? last : { ...now, openQuestions: 0, ...end };
}

/** Events that have not been read yet. */
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

  /** Adds the last event. */
  end(event: DocketEvent): void {
    this.push(event);
    this.over = true;
  }

  /** Ends with an error, after the buffered events have been read. */
  fail(reason: unknown): void {
    if (this.over) return;
    this.over = true;
    this.failure = { reason };
    this.wake();
  }

  shift(): DocketEvent | undefined {
    return this.pending.shift();
  }

  /** Whether no more events will come. @throws the reason, if the execution has not ended. */
  isOver(): boolean {
    if (this.failure) throw this.failure.reason;
    return this.over;
  }

  /** Resolves when there is something to read. Call it only when there is nothing. */
  next(): Promise<void> {
    return new Promise((resolve) => (this.wake = resolve));
  }
}
