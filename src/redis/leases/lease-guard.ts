import { url as inspectorUrl } from 'node:inspector';
import { Worker } from 'node:worker_threads';
import { ErrandError } from '../../base/errors.js';
import type { OnError } from '../../docket/engine/watchers.js';
import type { RedisTls } from '../connection/tls.js';

/** The times that the thread reads, in nanoseconds of `process.hrtime`, which both sides share. */
export const times = { beat: 0, renewed: 1, count: 2 } as const;

/** How a thread reaches Redis, and what it does. */
export interface GuardOptions {
  readonly url: string;
  readonly tls: RedisTls | undefined;
  /** The prefix of the docket's keys. */
  readonly prefix: string;
  /** Id of this process. */
  readonly node: string;
  /** How long a dead worker keeps its executions from others, in milliseconds. */
  readonly lease: number;
  /** How long the event loop may be blocked before its runs are left to other workers, in milliseconds. */
  readonly maxBlock: number;
  /** Whether the thread then ends the process, which does nothing but work. */
  readonly endsProcess: boolean;
  /** The key of BullMQ's list of active jobs. */
  readonly active: string;
  /** The texts of the steps `leases/renew-own` and `leases/abandon`. */
  readonly renewOwn: string;
  readonly abandon: string;
  readonly report: OnError;
}

/** The data that the thread is started with. */
export interface GuardData extends Omit<GuardOptions, 'report'> {
  readonly times: BigInt64Array;
}

/**
 * A thread that renews the leases of this process while its event loop is blocked. It then has a connection of its own, and finds
 * the jobs of this process by their locks, so it also covers those whose replies this process has not read yet.
 */
export class LeaseGuard {
  private readonly times = new BigInt64Array(new SharedArrayBuffer(8 * times.count));
  private readonly beats: NodeJS.Timeout;
  private readonly thread: Worker | undefined;

  private constructor(options: GuardOptions) {
    const { report, ...data } = options;
    this.beat();
    this.noteRenewal(LeaseGuard.now());
    this.beats = setInterval(() => this.beat(), Math.min(options.lease / 10, 1_000)).unref();
    // A debugger blocks the event loop for as long as somebody looks.
    const endsProcess = options.endsProcess && inspectorUrl() === undefined;
    this.thread = this.startThread({ ...data, endsProcess, times: this.times }, report);
  }

  static start(options: GuardOptions): LeaseGuard {
    return new LeaseGuard(options);
  }

  /** The time that {@link LeaseGuard.noteRenewal} takes. */
  static now(): bigint {
    return process.hrtime.bigint();
  }

  /** Notes that the leases of this process were renewed by a command sent at `time`. */
  noteRenewal(time: bigint): void {
    Atomics.store(this.times, times.renewed, time);
  }

  async close(): Promise<void> {
    clearInterval(this.beats);
    await this.thread?.terminate();
  }

  private beat(): void {
    Atomics.store(this.times, times.beat, LeaseGuard.now());
  }

  /** Without the thread everything works, but calls that block for longer than a lease are begun again elsewhere. */
  private startThread(data: GuardData, report: OnError): Worker | undefined {
    const failed = (cause: unknown): void =>
      report(
        new ErrandError(
          'DOCKET_UNAVAILABLE',
          'The thread that renews leases while the event loop is blocked could not run. A call that blocks for longer than docket.lease may be run twice.',
          { cause },
        ),
      );
    try {
      const thread = new Worker(threadFile(), { workerData: data, env: {}, execArgv: [] });
      thread.unref();
      thread.once('error', failed);
      return thread;
    } catch (error) {
      failed(error);
      return undefined;
    }
  }
}

/** The file of the thread. Where TypeScript runs from source, as in tests, the compiled one stands in: threads run JavaScript. */
function threadFile(): URL {
  const here = import.meta.url.replace(/\/src\/(redis\/leases\/)lease-guard\.ts$/, '/dist/$1lease-guard.js');
  return new URL('./lease-thread.js', here);
}
