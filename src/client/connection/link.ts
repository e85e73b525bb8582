import type { Clock } from '../../base/clock.js';
import type { Transport } from '../../protocol/transport.js';
import type { Recipient } from './client-errors.js';
import type { StreamListener } from './http-streams.js';

/** A server that a client connects to. */
export interface Target extends Recipient {
  /** Makes a transport that has not been started. `streams` hears of its streams if {@link Target.isWatched}. */
  open(streams: StreamListener): Promise<Transport>;
  /** Whether `open` can be called again, for a new session. */
  readonly isRenewable: boolean;
  /** Whether the transport tells when the stream of a request ends. */
  readonly isWatched: boolean;
  /** Whether the server is a process that this client starts. */
  readonly isProcess: boolean;
}

/** Pauses between attempts to open the standalone stream again, in milliseconds. */
const firstReopening = 5_000;
const longestReopening = 30_000;

/** One session with the server: a transport, and what still waits on it. */
export class Link {
  /** Whether the standalone stream is open, as far as that can be known. */
  hasStandalone = false;
  /** Requests without an answer. */
  waiting = 0;
  private isOver = false;
  private stopReopening: (() => void) | undefined;

  constructor(readonly transport: Transport) {}

  /** Whether a newer session has taken its place. Answers that still come here count. */
  get isRetired(): boolean {
    return this.isOver;
  }

  /** Whether an error says that the server does not have this session (2025-11-25, basic/transports, Session Management). */
  isLost(error: unknown): boolean {
    return this.transport.sessionId !== undefined && (error as { code?: unknown } | null)?.code === 404;
  }

  /** Makes way for a newer session, and closes once nothing waits here any longer. */
  retire(): void {
    this.isOver = true;
    this.stopReopening?.();
    this.closeIfDone();
  }

  /** A request has its answer, or waits here no longer. */
  answered(): void {
    this.waiting--;
    this.closeIfDone();
  }

  /** Opens the standalone stream again. The SDK gives up after a few seconds; a server may be away for longer. */
  reopenStandalone(clock: Clock, pause = firstReopening): void {
    const { transport } = this;
    if (this.hasStandalone || this.isOver || !('resumeStream' in transport)) return;
    this.stopReopening?.();
    this.stopReopening = clock.schedule(pause, () => {
      if (this.hasStandalone) return;
      const reopened = (transport.resumeStream as (lastEvent: string) => Promise<void>)('');
      reopened.catch(() => this.reopenStandalone(clock, Math.min(2 * pause, longestReopening)));
    });
  }

  async close(): Promise<void> {
    this.isOver = true;
    this.stopReopening?.();
    await this.transport.close();
  }

  private closeIfDone(): void {
    if (this.isOver && this.waiting === 0) this.close().catch(() => undefined);
  }
}
