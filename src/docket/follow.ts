import { isDeepStrictEqual } from 'node:util';
import type { ProgressState } from '../call/channel.js';
import type { Engine, EngineEvent } from './engine/engine.js';
import { isTerminal, type ExecutionRecord, type ExecutionState } from './engine/record.js';
import { closedMeanwhile, goneExecution, keepAlive, onAbort } from './wait.js';

/** What happens to an execution. */
export type ExecutionChange =
  | {
      /** It has gone over into another state. */
      readonly type: 'state';
      /** The new one; the first change tells the one that it was found in. */
      readonly state: ExecutionState;
    }
  | {
      /** It has said how far it is. */
      readonly type: 'progress';
      /** As far as it is. */
      readonly progress: ProgressState;
    };

/** Which execution is followed, and how somebody waits for it. */
export interface Followed {
  readonly key: string;
  readonly generation: number;
  readonly signal?: AbortSignal;
  readonly waiting: <T>(work: Promise<T>) => Promise<T>;
}

/** So many changes of the state are kept for a reader that is behind. */
const mostStates = 64;

/** See `Execution.subscribe`. */
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
    // Watching before reading: what happens in between is seen by one of the two.
    const hear = ({ record }: EngineEvent): void => {
      // What was told of an earlier one under the key comes late.
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

/** What has happened and was not read yet. */
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

  /** The record as it was at some time: what was seen before is not told again, in whatever order it comes. */
  see(record: ExecutionRecord | undefined): void {
    if (record?.generation !== this.generation) {
      this.fail(goneExecution(this.key, this.generation, record));
      return;
    }
    const { revision, state, progress } = record;
    if (this.ended || revision <= this.seen) return;
    this.seen = revision;
    const isFirst = this.state === undefined;
    if (isFirst) this.tellState(state);
    if (progress !== undefined && !isDeepStrictEqual(progress, this.progress)) this.tellProgress(progress);
    if (!isFirst && state !== this.state) this.tellState(state);
    if (isTerminal(state)) this.ended = true;
    this.wake();
  }

  /** What has happened before is still to be read. */
  fail(reason: unknown): void {
    if (this.ended) return;
    this.ended = true;
    this.failure = { reason };
    this.wake();
  }

  shift(): ExecutionChange | undefined {
    return this.pending.shift();
  }

  /** Whether nothing more will happen. @throws why, where that is not the end of the execution. */
  isOver(): boolean {
    if (this.failure) throw this.failure.reason;
    return this.ended;
  }

  /** Resolves when there is something to read. To be called when there is nothing. */
  next(): Promise<void> {
    return new Promise((resolve) => (this.wake = resolve));
  }

  private tellState(state: ExecutionState): void {
    this.state = state;
    this.pending.push({ type: 'state', state });
    const isState = ({ type }: ExecutionChange): boolean => type === 'state';
    if (this.pending.filter(isState).length > mostStates) this.pending.splice(this.pending.findIndex(isState), 1);
  }

  /** Progress that nobody has read is of the past. */
  private tellProgress(progress: ProgressState): void {
    this.progress = progress;
    this.pending = this.pending.filter(({ type }) => type !== 'progress');
    this.pending.push({ type: 'progress', progress: { ...progress } });
  }
}
