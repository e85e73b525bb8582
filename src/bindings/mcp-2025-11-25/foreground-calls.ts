import { ErrandError } from '../../base/errors.js';
import type { CallLife } from '../../call/life.js';
import type { RequestId } from '../../protocol/types.js';

/**
 * The foreground calls of one connection. Cancellation comes here straight from the wire: a listener on the SDK's abort
 * signal for each call would cost as much as the injection.
 */
export class ForegroundCalls {
  private readonly lives = new Map<RequestId, CallLife>();
  private underWay = 0;
  private onIdle: (() => void) | undefined;

  /** A call begins. */
  enter(request: RequestId, life: CallLife): void {
    this.lives.set(request, life);
    this.underWay++;
  }

  /** The call has been answered; it may still be settling. */
  answered(request: RequestId): void {
    this.lives.delete(request);
  }

  /** The call has settled. */
  readonly leave = (): void => {
    this.underWay--;
    if (this.underWay === 0) this.onIdle?.();
  };

  /** The client cancelled a request. */
  cancel(request: RequestId): void {
    this.lives.get(request)?.end(new ErrandError('CALL_CANCELLED', 'The client cancelled the call.'));
  }

  /** The connection is gone. */
  cancelAll(): void {
    const gone = new ErrandError('CALL_CANCELLED', 'The connection to the client was closed.');
    for (const life of this.lives.values()) life.end(gone);
  }

  /** Resolves when no call is under way. */
  async idle(): Promise<void> {
    if (this.underWay === 0) return;
    await new Promise<void>((resolve) => {
      const others = this.onIdle;
      this.onIdle = () => {
        others?.();
        resolve();
      };
    });
  }
}
