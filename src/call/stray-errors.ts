import { AsyncLocalStorage } from 'node:async_hooks';
import { ErrandError, messageOf } from '../base/errors.js';
import type { CallScope } from './call-scope.js';

/** A running call that a stray error can be attributed to. */
export interface WatchedCall {
  readonly scope: CallScope;
  /** The name of its component. */
  readonly component: string;
  /** The key of its execution. */
  readonly key: string;
}

/**
 * Attributes stray errors (unhandled rejections, throws in timers and events) to background calls. Tracking makes every
 * `await` in the process more expensive: a foreground call costs about half as much again on Node.js 20. So it is off
 * until a crash guard switches it on, and active only while background calls run.
 */
export class StrayErrors {
  private storage: AsyncLocalStorage<WatchedCall> | undefined;
  private underWay = 0;

  /** Starts tracking the calls that begin from now on. */
  switchOn(): void {
    this.storage ??= new AsyncLocalStorage();
  }

  /** Runs a call. Errors in anything it started are attributed to it. */
  async watch<T>(call: WatchedCall, run: () => Promise<T>): Promise<T> {
    const { storage } = this;
    if (storage === undefined) return run();
    this.underWay++;
    try {
      return await storage.run(call, run);
    } finally {
      if (--this.underWay === 0) storage.disable();
    }
  }

  /**
   * Fails the call that an error belongs to, if that is certain and the call still runs. Call it from handlers of
   * `unhandledRejection` and `uncaughtException`, which run in the async context of the error.
   */
  charge(error: unknown): WatchedCall | undefined {
    const call = this.storage?.getStore();
    if (call === undefined || call.scope.over !== undefined) return undefined;
    call.scope.end(
      new ErrandError(
        'STRAY_ERROR',
        `${call.component} left an error that nobody handles: ${messageOf(error)}. Await each promise that the call makes, or catch what it rejects with, also in timers and listeners.`,
        { cause: error },
      ),
    );
    return call;
  }
}
