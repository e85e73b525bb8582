import { randomUUID } from 'node:crypto';
import { ErrandError } from '../../base/errors.js';
import { damaged, isDamage } from '../damage.js';
import type { LuaStep } from '../lua/lua-step.js';
import type { RedisConnections } from './connections.js';
import type { Argument, Reply, ScriptRunner } from './script-runner.js';

/**
 * Runs steps for the callers of an engine: each has a deadline, fails with `DOCKET_UNAVAILABLE` or `DOCKET_DAMAGED`, and is refused
 * after the end.
 */
export class Commands {
  /** Id of this process. */
  readonly node = randomUUID();
  private requests = 0;
  private isClosed = false;

  constructor(
    private readonly connections: RedisConnections,
    private readonly scripts: ScriptRunner,
  ) {}

  run(step: LuaStep, ...args: readonly Argument[]): Promise<Reply> {
    return this.guard(() => this.scripts.run(step, ...args));
  }

  /** Runs a step whose reply is a list. */
  async list(step: LuaStep, ...args: readonly Argument[]): Promise<readonly Reply[]> {
    return (await this.run(step, ...args)) as readonly Reply[];
  }

  /** Returns a new request id, so that a command sent twice is recognised. */
  request(): string {
    return `${this.node}.${++this.requests}`;
  }

  /** @throws {ErrandError} `DOCKET_UNAVAILABLE`, `DOCKET_DAMAGED` */
  async guard<T>(command: () => Promise<T>): Promise<T> {
    this.refuseClosed();
    try {
      return await command();
    } catch (error) {
      if (isDamage(error)) throw damaged(error);
      throw ErrandError.is(error) ? error : this.connections.unavailable(error);
    }
  }

  /** @throws {ErrandError} `DOCKET_UNAVAILABLE` after {@link Commands.close} */
  refuseClosed(): void {
    if (this.isClosed) {
      throw new ErrandError(
        'DOCKET_UNAVAILABLE',
        'The Redis engine is closed. Create a new one, or close the server last.',
      );
    }
  }

  close(): void {
    this.isClosed = true;
  }
}
