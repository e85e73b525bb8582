import { hostname } from 'node:os';
import type { StoredExecution } from './stored-execution.js';
import {
  mostLookedAt,
  executionStates,
  type BrowseQuery,
  type DocketStats,
  type RecordSummary,
  type SummaryPage,
  type WorkerIdentity,
  type WorkerSummary,
  summaryFields,
} from '../engine/queries.js';
import { OwnerIndex } from './owner-index.js';
import { hasFailedForClient, type ExecutionRecord, type ExecutionState } from '../engine/record.js';
import type { RunSlots } from '../engine/run-slots.js';

/** The one owner under which the index lists all executions. */
const everybody = '';

/** The counts and lists of a memory engine as a whole, updated with each write so that reading is cheap. */
export class MemoryOverview {
  private readonly all = new OwnerIndex<StoredExecution>();
  private readonly counts = noCounts();
  private openQuestions = 0;
  /** In the order of queueing. */
  private readonly queued = new Set<StoredExecution>();
  private readonly workers = new Map<RunSlots, Omit<WorkerSummary, 'running' | 'waiting'>>();
  private started = 0;

  /** Adds an execution, which must be newer than all others. */
  add(stored: StoredExecution): void {
    this.all.add(everybody, stored);
    this.count(stored, stored.record, 1);
  }

  /** Updates the counts after a write. */
  written(stored: StoredExecution, before: ExecutionRecord): void {
    const { state, openQuestions } = stored.record;
    this.openQuestions += openQuestions - before.openQuestions;
    if (state === before.state) return;
    this.counts[before.state]--;
    this.counts[state]++;
    if (before.state === 'queued') this.queued.delete(stored);
    if (state === 'queued') this.queued.add(stored);
  }

  delete(stored: StoredExecution): void {
    this.all.delete(everybody, stored);
    this.count(stored, stored.record, -1);
  }

  clear(): void {
    this.all.clear();
    this.queued.clear();
    this.workers.clear();
  }

  page({ state, failed = false, component, cursor, limit }: BrowseQuery): SummaryPage {
    const isFiltered = state !== undefined || failed || component !== undefined;
    const looked = this.all.page({
      owner: everybody,
      limit: isFiltered ? mostLookedAt : limit,
      ...(cursor !== undefined && { cursor }),
    });
    const found: RecordSummary[] = [];
    for (const stored of looked.items) {
      const { record } = stored;
      if (state !== undefined && record.state !== state) continue;
      if (failed && record.state !== 'failed' && !hasFailedForClient(record)) continue;
      if (component !== undefined && record.component !== component) continue;
      if (found.length === limit) return { summaries: found, nextCursor: this.all.cursorAt(stored) };
      found.push(summaryOf(record));
    }
    return { summaries: found, ...(looked.nextCursor !== undefined && { nextCursor: looked.nextCursor }) };
  }

  stats(now: number): DocketStats {
    const [oldest] = this.queued;
    return {
      states: { ...this.counts },
      openQuestions: this.openQuestions,
      workers: this.workers.size,
      ...(oldest && { oldestWaiting: Math.max(now - oldest.record.dueAt, 0) }),
    };
  }

  workerBegins(slots: RunSlots, { worker, concurrency, version, components = [] }: WorkerIdentity, now: number): void {
    this.workers.set(slots, {
      id: String(++this.started),
      name: worker,
      host: hostname(),
      pid: process.pid,
      concurrency,
      components: [...components],
      startedAt: new Date(now),
      ...(version !== undefined && { version }),
    });
  }

  workerEnds(slots: RunSlots): void {
    this.workers.delete(slots);
  }

  listWorkers(): readonly WorkerSummary[] {
    return [...this.workers].map(([{ running, waiting }, facts]) => ({ ...facts, running, waiting }));
  }

  private count(stored: StoredExecution, { state, openQuestions }: ExecutionRecord, change: 1 | -1): void {
    this.counts[state] += change;
    this.openQuestions += change * openQuestions;
    if (state !== 'queued') return;
    if (change === 1) this.queued.add(stored);
    else this.queued.delete(stored);
  }
}

const noCounts = (): Record<ExecutionState, number> =>
  Object.fromEntries(executionStates.map((state) => [state, 0])) as Record<ExecutionState, number>;

const summaryOf = (record: ExecutionRecord): RecordSummary =>
  Object.fromEntries(
    summaryFields.filter((field) => record[field] !== undefined).map((field) => [field, record[field]]),
  ) as unknown as RecordSummary;
