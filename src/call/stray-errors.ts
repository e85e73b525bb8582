import { AsyncLocalStorage } from 'node:async_hooks';
import { ErrandError, messageOf } from '../base/errors.js';
import type { CallScope } from './call-scope.js';

/** A call under way, as far as it can be charged with a stray error. */
export interface WatchedCall {
  readonly scope: CallScope;
  /** The name of its component. */
  readonly component: string;
  /** The key of its execution. */
  readonly key: string;
}

/**
 * Tells which background call a stray error belongs to: a rejection that nobody handles, or what is thrown in a timer or an
 * event. That makes each `await` of the whole process dearer (a call in the foreground by about a half, on Node.js 20), so
 * it is done only where a crash guard has switched it on, and only while there are background calls.
 */
export class StrayErrors {
  private storage: AsyncLocalStorage<WatchedCall> | undefined;
  private underWay = 0;

  /** Watches the calls that begin from here on. */
  switchOn(): void {
    this.storage ??= new AsyncLocalStorage();
  }

  /** Makes a call. Whatever goes wrong in what it began is known to be its own. */
  async watch<T>(call: WatchedCall, make: () => Promise<T>): Promise<T> {
    const { storage } = this;
    if (storage === undefined) return make();
    this.underWay++;
    try {
      return await storage.run(call, make);
    } finally {
      if (--this.underWay === 0) storage.disable();
    }
  }

  /**
   * Fails the call that an error belongs to, if that is certain and the call still runs. For handlers of
   * `unhandledRejection` and `uncaughtException`, which run where the error came from.
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
