import { ErrandError } from '../base/errors.js';
import type { Delivery, Verdict } from '../docket/engine.js';
import { lostTooOften, mostLosses } from '../docket/limits.js';
import type { ExecutionRecord } from '../docket/record.js';
import type { OnError } from '../docket/watchers.js';
import type { Line } from './line.js';
import { recordIn, repairedFields } from './records.js';
import { claimScript, nextScript, reportScript, settleScript } from './scripts/runs.js';
import type { Argument, Reply, Script, ScriptRunner } from './scripts/script.js';
import type { Ticket } from './tickets.js';

/** A ticket of the line that a worker has held. */
export interface DoneTicket {
  /** Its id in BullMQ, and what it is locked by. */
  readonly id: string;
  readonly lock: string;
  /** The name of the worker. */
  readonly worker: string;
}

/** The one that a worker holds instead, by the same lock. */
export interface NextTicket {
  readonly id: string;
  readonly ticket: Ticket;
  /** Absent where the ticket means nothing any more. */
  readonly delivery?: Delivery;
}

/** What runs need of their engine. */
export interface RedisRunsHost {
  /** The name of this process. */
  readonly node: string;
  readonly line: Line;
  /** How long a worker that has died keeps its executions from others, in milliseconds. */
  readonly lease: number;
  run(script: Script, ...args: readonly Argument[]): Promise<Reply>;
  /** For what workers wait for, however long an outage lasts. */
  readonly workers: () => ScriptRunner;
  /** Tells one wish from another. */
  request(): string;
  readonly report: OnError;
}

/** How runs begin and end, and what they tell in between. */
export class RedisRuns {
  constructor(private readonly host: RedisRunsHost) {}

  /** What becomes of a ticket: a run, where it still means one. */
  async claim({ key, ticket }: Ticket, run: string, limits: readonly Argument[]): Promise<Delivery | undefined> {
    return this.claimed(key, run, await this.list(claimScript, key, ticket, this.host.node, run, ...limits));
  }

  /** A ticket is done with: gives the next one, if there is one, and the run that it has become where it still means one. */
  async next(done: DoneTicket, run: string, limits: readonly Argument[]): Promise<NextTicket | undefined> {
    const { node, lease, workers } = this.host;
    const args = [done.id, done.lock, lease, done.worker, node, run, ...limits];
    const [verdict, id, key, ticket, reply] = (await workers().run(nextScript, ...args)) as readonly Reply[];
    if (verdict !== 'next') return undefined;
    const delivery = await this.claimed(String(key), run, reply as readonly Reply[]);
    return { id: String(id), ticket: { key: String(key), ticket: String(ticket) }, ...(delivery && { delivery }) };
  }

  private async claimed(key: string, run: string, reply: readonly Reply[]): Promise<Delivery | undefined> {
    const { line, report } = this.host;
    const [verdict, value, called] = reply;
    await line.call(called);
    if (verdict === 'run') return this.delivery(key, run, value);
    if (verdict === 'wait' && value !== '') line.look(Number(value));
    if (verdict === 'missing') report(recordMissing(key));
    return undefined;
  }

  /** `false` when the run had lost its execution. */
  settle(key: string, run: string, verdict: Verdict): Promise<boolean> {
    switch (verdict.type) {
      case 'finish': {
        const state = 'error' in verdict.outcome ? 'failed' : 'completed';
        const mark = verdict.isError === true ? ['isError', 1] : [];
        return this.leave(key, run, 'finish', 0, state, 'outcome', JSON.stringify(verdict.outcome), ...mark);
      }
      case 'handBack':
        return this.leave(key, run, 'handBack');
      case 'retry':
        return this.leave(key, run, 'retry', verdict.delay, 'lastError', JSON.stringify(verdict.error));
      case 'putBack':
        return this.leave(key, run, 'putBack', verdict.delay);
    }
  }

  /** A run that ended without a verdict counts as lost. */
  async vanish({ record, run }: Delivery): Promise<void> {
    await this.leave(record.key, run, 'vanish');
  }

  /** `false` when the run had lost its execution. */
  async tell(key: string, run: string, event: 'progress' | 'notice', value: string): Promise<boolean> {
    return (await this.host.run(reportScript, key, run, event, value)) === 1;
  }

  /** A record that this process cannot read may be one for a newer one: it goes back, and is counted as a loss. */
  private async delivery(key: string, run: string, fields: Reply | undefined): Promise<Delivery | undefined> {
    try {
      return { record: recordIn(fields) as ExecutionRecord, run };
    } catch (error) {
      this.host.report(error);
    }
    const repaired = repairedFields(fields);
    if (repaired.losses < mostLosses) {
      await this.leave(key, run, 'vanish', this.host.lease);
    } else {
      const outcome = JSON.stringify(lostTooOften(`The record of '${key}' could not be read, and it`));
      await this.leave(key, run, 'finish', 0, 'failed', ...repaired.fields, 'outcome', outcome);
    }
    return undefined;
  }

  private async leave(key: string, run: string, how: string, delay = 0, ...fields: Argument[]): Promise<boolean> {
    const { line } = this.host;
    const args = [this.host.request(), key, run, how, delay, ...fields];
    const [verdict, place, called] = await this.list(settleScript, ...args);
    await line.call(called);
    await line.enqueue(key, place, how === 'handBack' || how === 'vanish');
    return verdict === 'settled';
  }

  /** A script whose reply is a list. */
  private async list(script: Script, ...args: readonly Argument[]): Promise<readonly Reply[]> {
    return (await this.host.run(script, ...args)) as readonly Reply[];
  }
}

const recordMissing = (key: string): ErrandError =>
  new ErrandError(
    'EXECUTION_UNKNOWN',
    `The record of '${key}' was gone when its turn came, so that it is not run. Redis must not evict keys: set maxmemory-policy noeviction.`,
  );
