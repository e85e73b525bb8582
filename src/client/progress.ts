import { randomUUID } from 'node:crypto';
import type { CallProgress } from './options.js';

type Listener = (progress: CallProgress) => void;

/** Calls what the user gave; what it throws, at once or later, is reported and breaks nothing. */
export function callSafely(report: (error: unknown) => void, run: () => unknown): void {
  new Promise((resolve) => resolve(run())).catch(report);
}

/** Finds whose progress a notification tells, by the token of its request. */
export class ProgressRouter {
  private readonly listeners = new Map<string, Listener>();
  /** Tasks outlive clients, and so do their tokens: no other client may have used ours. */
  private readonly prefix = randomUUID();
  private last = 0;

  /** A token that is never used again. */
  newToken(): string {
    return `${this.prefix}:${++this.last}`;
  }

  /** What comes under the token goes to the listener from now on. */
  listen(token: string, listener: Listener): void {
    this.listeners.set(token, listener);
  }

  /** Nothing more comes under the token. */
  forget(token: string): void {
    this.listeners.delete(token);
  }

  /** Progress came under a token. */
  route(token: string | number, progress: CallProgress): void {
    this.listeners.get(String(token))?.(progress);
  }
}
