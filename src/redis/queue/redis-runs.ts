import { ErrandError } from '../../base/errors.js';
import type { Delivery, Settlement } from '../../docket/engine/engine.js';
import { lostTooOften, mostLosses } from '../../docket/engine/loss-policy.js';
import type { ExecutionRecord } from '../../docket/engine/record.js';
import type { OnError } from '../../docket/engine/watchers.js';
import type { WaitingList } from './waiting-list.js';
import { recordIn, repairedFields } from '../codec.js';
import {
  beginAloneScript,
  claimScript,
  exonerateScript,
  finishScript,
  nextScript,
  passOnScript,
  reportScript,
  settleScript,
  takeScript,
  unclaimScript,
} from '../scripts/runs.js';
import type { Argument, Reply, Script, ScriptRunner } from '../scripts/script.js';
import type { Ticket } from './queue-jobs.js';

/** A ticket of the line that a worker has held. */
export interface DoneTicket {
  /** Its id in BullMQ, and what it is locked by. */
  readonly id: string;
  readonly lock: string;
}

/** One that a worker is given, and the run that it has become. */
export interface NextTicket {
  readonly id: string;
  readonly ticket: Ticket;
  /** Absent where the ticket means nothing any more. */
  readonly delivery?: Delivery;
}

/** Who takes tickets: the name of the worker, and the limits of its components as {@link claimScript} takes them. */
export interface Taking {
  /** Tells it from other workers of that name. */
  readonly intake: string;
  readonly worker: string;
  readonly limits: readonly Argument[];
}

/** A run that has ended with an outcome. */
export interface FinishedRun {
  /** Of the execution. */
  readonly key: string;
  readonly run: string;
  readonly settlement: Settlement & { readonly type: 'finish' };
}

/** What runs need of their engine. */
export interface RedisRunsHost {
  /** The name of this process. */
  readonly node: string;
  readonly line: WaitingList;
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
  async claim({ key, ticket }: Ticket, run: string, { limits }: Taking): Promise<Delivery | undefined> {
    const reply = await this.list(claimScript, key, ticket, this.host.node, run, ...limits);
    const [status, value, called] = reply;
    await this.host.line.call(called);
    return this.claimed(key, run, status, value);
  }

  /** Takes the first ticket in line under a lock, if there is one, and gives the run that it has become as {@link RedisRuns.next} does. */
  async take(lock: string, run: string, { intake, worker, limits }: Taking): Promise<NextTicket | undefined> {
    const { node, lease, workers, line } = this.host;
    const reply = await workers().run(takeScript, intake, lock, lease, worker, node, run, ...limits);
    const [first, called] = reply as readonly Reply[];
    await line.call(called);
    return this.followed(first, run);
  }

  /** A run that was not begun is as if it had never been; its ticket is to be put back. Also while the engine closes. */
  async unclaim({ record, run }: Delivery): Promise<void> {
    const [called] = (await this.host.workers().run(unclaimScript, record.key, run)) as readonly Reply[];
    await this.host.line.call(called);
  }

  /** Somebody has seen the sign that there is a ticket in line, and takes none. */
  async passOn(): Promise<void> {
    await this.host.workers().run(passOnScript);
  }

  /** A ticket is done with: gives the next one, if there is one, and the run that it has become where it still means one. */
  async next(done: DoneTicket, run: string, taking: Taking): Promise<NextTicket | undefined> {
    const reply = await this.host.workers().run(nextScript, ...this.following(done, run, taking));
    const [next, called] = reply as readonly Reply[];
    await this.host.line.call(called);
    return this.followed(next, run);
  }

  /** Both in one step: a run has ended with an outcome, and its ticket is done with. `coming` is the run of the next one. */
  async finish(
    { key, run, settlement }: FinishedRun,
    done: DoneTicket,
    coming: string,
    taking: Taking,
  ): Promise<{ readonly accepted: boolean; readonly next?: NextTicket }> {
    const fields = outcomeFields(settlement);
    const facts = [this.host.request(), key, run, fields.length, ...fields];
    const reply = await this.list(finishScript, ...facts, ...this.following(done, coming, taking));
    const [settled, following, called, why] = reply;
    await this.host.line.call(called);
    if (typeof why === 'string') {
      this.host.report(new ErrandError('DOCKET_UNAVAILABLE', `No next ticket could be taken: ${why}.`));
    }
    const next = await this.followed(following, coming);
    return { accepted: settled === 'settled', ...(next && { next }) };
  }

  /** What {@link nextScript} takes. */
  private following({ id, lock }: DoneTicket, run: string, { worker, limits }: Taking): Argument[] {
    return [id, lock, this.host.lease, worker, this.host.node, run, ...limits];
  }

  private async followed(next: Reply | undefined, run: string): Promise<NextTicket | undefined> {
    if (!Array.isArray(next)) return undefined;
    const [status, value, id, key, ticket] = next as readonly Reply[];
    const delivery = await this.claimed(String(key), run, status, value);
    return { id: String(id), ticket: { key: String(key), ticket: String(ticket) }, ...(delivery && { delivery }) };
  }

  private async claimed(
    key: string,
    run: string,
    status: Reply | undefined,
    value: Reply | undefined,
  ): Promise<Delivery | undefined> {
    const { line, report } = this.host;
    if (status === 'run') return this.delivery(key, run, value);
    if (status === 'wait' && value !== '') line.look(Number(value));
    if (status === 'missing') report(key === '' ? foreignJob() : recordMissing(key));
    return undefined;
  }

  /** `false` when the run had lost its execution. */
  settle(key: string, run: string, settlement: Settlement): Promise<boolean> {
    switch (settlement.type) {
      case 'finish':
        return this.leave(key, run, settlement.lost === true ? 'giveUp' : 'finish', 0, ...outcomeFields(settlement));
      case 'retry':
        return this.leave(key, run, 'retry', settlement.delay, 'lastError', JSON.stringify(settlement.error));
      case 'release':
        // The scripts know two ways: an interrupted run goes ahead of the others, one that never began waits.
        return settlement.delay === undefined
          ? this.leave(key, run, 'handBack')
          : this.leave(key, run, 'putBack', settlement.delay);
    }
  }

  /** An isolated run begins, and nothing runs beside it. */
  async beginAlone(key: string, run: string): Promise<void> {
    await this.host.workers().run(beginAloneScript, key, run);
  }

  /** An isolated run has shown that it kills no worker. */
  async exonerate(key: string, run: string): Promise<void> {
    const [called] = await this.list(exonerateScript, key, run);
    await this.host.line.call(called);
  }

  /** A run that ended without a settlement counts as lost. */
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
      await this.leave(key, run, 'giveUp', 0, 'failed', ...repaired.fields, 'outcome', outcome);
    }
    return undefined;
  }

  private async leave(key: string, run: string, how: string, delay = 0, ...fields: Argument[]): Promise<boolean> {
    const { line } = this.host;
    const args = [this.host.request(), key, run, how, delay, ...fields];
    const [status, place, called] = await this.list(settleScript, ...args);
    await line.call(called);
    await line.enqueue(key, place, how === 'handBack' || how === 'vanish');
    return status === 'settled';
  }

  /** A script whose reply is a list. */
  private async list(script: Script, ...args: readonly Argument[]): Promise<readonly Reply[]> {
    return (await this.host.run(script, ...args)) as readonly Reply[];
  }
}

/** The state that an outcome brings, then the fields of the record. */
function outcomeFields({ outcome, isError }: FinishedRun['settlement']): Argument[] {
  const state = 'error' in outcome ? 'failed' : 'completed';
  return [state, 'outcome', JSON.stringify(outcome), ...(isError === true ? ['isError', 1] : [])];
}

const foreignJob = (): ErrandError =>
  new ErrandError(
    'EXECUTION_UNKNOWN',
    'A job in the line of BullMQ is none of Errand, and was taken out of it. Add work by docket.add.',
  );

const recordMissing = (key: string): ErrandError =>
  new ErrandError(
    'EXECUTION_UNKNOWN',
    `The record of '${key}' was gone when its turn came, so that it is not run. Redis must not evict keys: set maxmemory-policy noeviction.`,
  );
