import { randomUUID } from 'node:crypto';
import type { CallProgress } from './options.js';

type Listener = (progress: CallProgress) => void;

/** Runs a user's callback and reports whatever it throws, synchronously or later. */
export function callSafely(report: (error: unknown) => void, run: () => unknown): void {
  new Promise((resolve) => resolve(run())).catch(report);
}

/** Routes progress notifications to the requests they belong to, by progress token. */
export class ProgressRouter {
  private readonly listeners = new Map<string, Listener>();
  /** Tasks and their tokens outlive clients, so tokens must be unique across clients. */
  private readonly prefix = randomUUID();
  private last = 0;

  /** Returns a token that is never used again. */
  newToken(): string {
    return `${this.prefix}:${++this.last}`;
  }

  /** Routes the token's progress to the listener from now on. */
  listen(token: string, listener: Listener): void {
    this.listeners.set(token, listener);
  }

  /** Stops routing the token's progress. */
  forget(token: string): void {
    this.listeners.delete(token);
  }

  /** Passes progress to the token's listener, if there is one. */
  route(token: string | number, progress: CallProgress): void {
    this.listeners.get(String(token))?.(progress);
  }
}
