import { ErrandError } from '../../../base/errors.js';
import type { CallScope } from '../../../call/call-scope.js';
import type { RequestId } from '../../../protocol/json-rpc/messages.js';

/**
 * The foreground calls of one connection. Cancellations come here straight from the wire: a listener on the SDK's abort
 * signal for each call would cost as much as the injection.
 */
export class ForegroundCalls {
  private readonly scopes = new Map<RequestId, CallScope>();
  private running = 0;
  private onIdle: (() => void) | undefined;

  /** Whether a request with this id is in progress. */
  has(request: RequestId): boolean {
    return this.scopes.has(request);
  }

  /** A call begins. */
  enter(request: RequestId, scope: CallScope): void {
    this.scopes.set(request, scope);
    this.running++;
  }

  /** The call has its response; it may still be settling. */
  answered(request: RequestId): void {
    this.scopes.delete(request);
    this.checkIdle();
  }

  /** The call has settled. */
  readonly leave = (): void => {
    this.running--;
    this.checkIdle();
  };

  /** The client cancelled a request. */
  cancel(request: RequestId): void {
    this.scopes
      .get(request)
      ?.end(new ErrandError('CALL_CANCELLED', 'The client cancelled the call.', { exposed: true }));
  }

  /** The connection is gone. */
  cancelAll(): void {
    const gone = new ErrandError('CALL_CANCELLED', 'The connection to the client was closed.', { exposed: true });
    for (const scope of this.scopes.values()) scope.end(gone);
  }

  /** Resolves once no call is running and all responses have been handed to the transport. */
  async idle(): Promise<void> {
    if (!this.isIdle) {
      await new Promise<void>((resolve) => {
        const others = this.onIdle;
        this.onIdle = () => {
          others?.();
          resolve();
        };
      });
    }
    // The SDK sends a response a few microtasks after it gets it; all of them run before this.
    await new Promise((resolve) => setImmediate(resolve));
  }

  private get isIdle(): boolean {
    return this.running === 0 && this.scopes.size === 0;
  }

  private checkIdle(): void {
    if (this.isIdle) this.onIdle?.();
  }
}
