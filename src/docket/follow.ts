import { isDeepStrictEqual } from 'node:util';
import type { ProgressState } from '../call/channel.js';
import type { Engine, EngineEvent } from './engine/engine.js';
import { isTerminal, type ExecutionRecord, type ExecutionState } from './engine/record.js';
import { closedMeanwhile, goneExecution, keepAlive, onAbort } from './wait.js';

/** A change of an execution. */
export type ExecutionChange =
  | {
      /** The state changed. */
      readonly type: 'state';
      /** The new state; in the first change, the current one. */
      readonly state: ExecutionState;
    }
  | {
      /** Progress was reported. */
      readonly type: 'progress';
      /** The latest progress. */
      readonly progress: ProgressState;
    };

/** Which execution to follow, and how to wait for its changes. */
export interface Followed {
  readonly key: string;
  readonly generation: number;
  readonly signal?: AbortSignal;
  readonly waiting: <T>(work: Promise<T>) => Promise<T>;
}

/** How many state changes are buffered for a slow reader. */
const mostStates = 64;

/** Implements `Execution.subscribe`. */
export async function* follow(
  engine: Engine,
  { key, generation, signal, waiting }: Followed,
): AsyncGenerator<ExecutionChange, void, undefined> {
  signal?.throwIfAborted();
  const changes = new Changes(key, generation);
  const stops = [
    engine.onClose(() => changes.fail(closedMeanwhile(key))),
    onAbort(signal, (reason) => changes.fail(reason)),
  ];
  try {
    // Watch before reading, so that no change in between is missed.
    const hear = ({ record }: EngineEvent): void => {
      // A late event of an earlier execution with this key.
      if (record.generation >= generation) changes.see(record);
    };
    stops.push(await engine.watch({ key }, hear, () => changes.see(undefined)));
    changes.see(await engine.get(key));
    for (;;) {
      const change = changes.shift();
      if (change) yield change;
      else if (changes.isOver()) return;
      else await waiting(nextChange(changes));
    }
  } finally {
    for (const stop of stops) stop();
  }
}

async function nextChange(changes: Changes): Promise<void> {
  const stop = keepAlive(undefined, () => undefined);
  try {
    await changes.next();
  } finally {
    stop();
  }
}

/** Changes that have not been read yet. */
class Changes {
  private pending: ExecutionChange[] = [];
  private seen = -1;
  private state?: ExecutionState;
  private progress?: ProgressState;
  private ended = false;
  private failure?: { readonly reason: unknown };
  private wake = (): void => undefined;

  constructor(
    private readonly key: string,
    private readonly generation: number,
  ) {}

  /** Takes in a version of the record. Older versions than the last one seen are ignored, so order does not matter. */
  see(record: ExecutionRecord | undefined): void {
    if (record?.generation !== this.generation) {
      this.fail(goneExecution(this.key, this.generation, record));
      return;
    }
    const { revision, state, progress } = record;
    if (this.ended || revision <= this.seen) return;
    this.seen = revision;
    const isFirst = this.state === undefined;
    if (isFirst) this.pushState(state);
    if (progress !== undefined && !isDeepStrictEqual(progress, this.progress)) this.pushProgress(progress);
    if (!isFirst && state !== this.state) this.pushState(state);
    if (isTerminal(state)) this.ended = true;
    this.wake();
  }

  /** Ends with an error, after the buffered changes have been read. */
  fail(reason: unknown): void {
    if (this.ended) return;
    this.ended = true;
    this.failure = { reason };
    this.wake();
  }

  shift(): ExecutionChange | undefined {
    return this.pending.shift();
  }

  /** Whether no more changes will come. @throws the reason, if the execution has not ended. */
  isOver(): boolean {
    if (this.failure) throw this.failure.reason;
    return this.ended;
  }

  /** Resolves when there is something to read. Call it only when there is nothing. */
  next(): Promise<void> {
    return new Promise((resolve) => (this.wake = resolve));
  }

  private pushState(state: ExecutionState): void {
    this.state = state;
    this.pending.push({ type: 'state', state });
    const isState = ({ type }: ExecutionChange): boolean => type === 'state';
    if (this.pending.filter(isState).length > mostStates) this.pending.splice(this.pending.findIndex(isState), 1);
  }

  /** Replaces unread progress. */
  private pushProgress(progress: ProgressState): void {
    this.progress = progress;
    this.pending = this.pending.filter(({ type }) => type !== 'progress');
    this.pending.push({ type: 'progress', progress: { ...progress } });
  }
}
