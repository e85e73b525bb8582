import { ErrandError } from '../../base/errors.js';
import type { Delivery, Settlement } from '../../docket/engine/engine.js';
import { lostTooOften, mostLosses } from '../../docket/engine/loss-policy.js';
import type { ExecutionRecord } from '../../docket/engine/record.js';
import type { OnError } from '../../docket/engine/watchers.js';
import type { WaitingList } from './waiting-list.js';
import { recordIn, repairedFields } from '../codec.js';
import type { Argument, Reply, ScriptRunner } from '../connection/script-runner.js';
import type { Ticket } from './queue-jobs.js';
import { lua } from '../lua/bundle.js';
import type { LuaStep } from '../lua/lua-step.js';

/** A queue job that a worker has finished. */
export interface DoneJob {
  /** Its id in BullMQ. */
  readonly id: string;
  /** The token that locks it. */
  readonly lock: string;
}

/** A queue job that a worker has received, with the run that it has become. */
export interface NextJob {
  readonly id: string;
  readonly data: Ticket;
  /** Absent if the job is no longer valid. */
  readonly delivery?: Delivery;
}

/** The worker that acquires runs. */
export interface Intake {
  /** Distinguishes workers of the same name. */
  readonly id: string;
  /** Name of the worker. */
  readonly worker: string;
  /** The components that it has; absent if it has all. */
  readonly components?: ReadonlySet<string>;
  /** Limits of its components, as arguments of {@link lua.runs.acquire}; and which components it has, where Redis asks. */
  readonly limits: Argument[];
}

/** A run that has ended with an outcome. */
export interface FinishedRun {
  /** Key of the execution. */
  readonly key: string;
  readonly run: string;
  readonly settlement: Settlement & { readonly type: 'finish' };
}

/** The parts of the engine that {@link RedisRuns} uses. */
export interface RedisRunsHost {
  /** Id of this process. */
  readonly node: string;
  readonly waitingList: WaitingList;
  /** How long a dead worker keeps its executions from others, in milliseconds. */
  readonly lease: number;
  run(step: LuaStep, ...args: readonly Argument[]): Promise<Reply>;
  /** Runs scripts that workers wait for, however long an outage lasts. */
  readonly workers: () => ScriptRunner;
  /** Returns a new request id, so that a command sent twice is recognised. */
  request(): string;
  readonly report: OnError;
}

/** Acquires and settles runs, and publishes what they report. */
export class RedisRuns {
  constructor(private readonly host: RedisRunsHost) {}

  /** Acquires the run of a job. Undefined if the job is no longer valid, or its component's limits keep it waiting. */
  async acquire({ key, ticket }: Ticket, run: string, intake: Intake): Promise<Delivery | undefined> {
    const reply = await this.list(lua.runs.acquire, key, ticket, this.host.node, run, ...intake.limits);
    const [status, value, admitted] = reply;
    await this.host.waitingList.admit(admitted);
    return this.deliveryIn(key, run, status, value, intake);
  }

  /** Locks the first job of the waiting list, if there is one, and acquires its run. */
  async acquireFirst(lock: string, run: string, intake: Intake): Promise<NextJob | undefined> {
    const { node, lease, workers, waitingList } = this.host;
    const { id, worker, limits } = intake;
    const reply = await workers().run(lua.runs.acquireFirst, id, lock, lease, worker, node, run, ...limits);
    const [first, admitted, unknown] = reply as readonly Reply[];
    await waitingList.admit(admitted);
    const isWanted = listIn(unknown).map((component) => declare(intake, String(component)));
    // Executions wait for a worker like this one, which Redis did not know.
    if (!Array.isArray(first) && isWanted.includes('known')) return this.acquireFirst(lock, run, intake);
    return this.nextJobIn(first, run, intake);
  }

  /** Undoes the acquisition of a run that never began, also while the engine closes. The caller releases its job. */
  async releaseUnstarted({ record, run }: Delivery): Promise<void> {
    const [admitted] = (await this.host.workers().run(lua.runs.releaseUnstarted, record.key, run)) as readonly Reply[];
    await this.host.waitingList.admit(admitted);
  }

  /** Restores BullMQ's marker, for a worker that has consumed it and takes no job. */
  async passOn(): Promise<void> {
    await this.host.workers().run(lua.runs.passOn);
  }

  /** Acknowledges a job, locks the next one of the waiting list, if there is one, and acquires its run. */
  async acquireNext(done: DoneJob, run: string, intake: Intake): Promise<NextJob | undefined> {
    const reply = await this.host.workers().run(lua.runs.acquireNext, ...this.nextArguments(done, run, intake));
    const [next, admitted] = reply as readonly Reply[];
    await this.host.waitingList.admit(admitted);
    return this.nextJobIn(next, run, intake);
  }

  /** Settles a finished run and does {@link RedisRuns.acquireNext}, all in one step. `coming` is the run of the next job. */
  async finish(
    { key, run, settlement }: FinishedRun,
    done: DoneJob,
    coming: string,
    intake: Intake,
  ): Promise<{ readonly accepted: boolean; readonly next?: NextJob }> {
    const fields = outcomeFields(settlement);
    const facts = [this.host.request(), key, run, fields.length, ...fields];
    const reply = await this.list(lua.runs.finish, ...facts, ...this.nextArguments(done, coming, intake));
    const [settled, following, admitted, why] = reply;
    await this.host.waitingList.admit(admitted);
    if (typeof why === 'string') {
      this.host.report(new ErrandError('DOCKET_UNAVAILABLE', `The next queue job could not be taken: ${why}.`));
    }
    const next = await this.nextJobIn(following, coming, intake);
    return { accepted: settled === 'settled', ...(next && { next }) };
  }

  /** Arguments of {@link lua.runs.acquireNext}. */
  private nextArguments({ id, lock }: DoneJob, run: string, { worker, limits }: Intake): Argument[] {
    return [id, lock, this.host.lease, worker, this.host.node, run, ...limits];
  }

  private async nextJobIn(next: Reply | undefined, run: string, intake: Intake): Promise<NextJob | undefined> {
    if (!Array.isArray(next)) return undefined;
    const [status, value, id, key, ticket] = next as readonly Reply[];
    const delivery = await this.deliveryIn(String(key), run, status, value, intake);
    return { id: String(id), data: { key: String(key), ticket: String(ticket) }, ...(delivery && { delivery }) };
  }

  private async deliveryIn(
    key: string,
    run: string,
    status: Reply | undefined,
    value: Reply | undefined,
    intake: Intake,
  ): Promise<Delivery | undefined> {
    const { waitingList, report } = this.host;
    if (status === 'run' || status === 'look') {
      const delivery = await this.delivery(key, run, value);
      const component = delivery?.record.component;
      // Before the worker looks: it takes others in the meantime.
      if (component !== undefined && (status === 'look' || !has(intake, component))) declare(intake, component);
      return delivery;
    }
    if (status === 'wait' && value !== '') waitingList.checkDueIn(Number(value));
    if (status === 'missing') report(key === '' ? foreignJob() : recordMissing(key));
    return undefined;
  }

  /** Settles a run. Returns `false` if the run had lost its execution. */
  settle(key: string, run: string, settlement: Settlement): Promise<boolean> {
    switch (settlement.type) {
      case 'finish':
        return this.settleAs(key, run, settlement.lost === true ? 'giveUp' : 'finish', 0, ...outcomeFields(settlement));
      case 'retry':
        return this.settleAs(key, run, 'retry', settlement.delay, 'lastError', JSON.stringify(settlement.error));
      case 'release':
        // An interrupted run goes to the front, one that never began waits for the delay, or for a worker with its component.
        if (settlement.delay === undefined) return this.settleAs(key, run, 'handBack');
        return settlement.unknown === true
          ? this.settleAs(key, run, 'setAside')
          : this.settleAs(key, run, 'putBack', settlement.delay);
    }
  }

  /** Records that an isolated run begins, with nothing running beside it. */
  async beginAlone(key: string, run: string, shared: boolean): Promise<void> {
    await this.host.workers().run(lua.runs.beginAlone, key, run, shared ? '1' : '0');
  }

  /** Clears the component of an isolated run, which has shown that it kills no worker. */
  async exonerate(key: string, run: string): Promise<void> {
    const [admitted] = await this.list(lua.runs.exonerate, key, run);
    await this.host.waitingList.admit(admitted);
  }

  /** Releases a run that ended without a settlement, which counts as lost. */
  async releaseLost({ record, run }: Delivery): Promise<void> {
    await this.settleAs(record.key, run, 'vanish');
  }

  /** Publishes progress or a notice of a run. Returns `false` if the run had lost its execution. */
  async publish(key: string, run: string, event: 'progress' | 'notice', value: string): Promise<boolean> {
    return (await this.host.run(lua.runs.report, key, run, event, value)) === 1;
  }

  /** A newer process may be able to read a record that this one cannot. So the run is released, and counted as a loss. */
  private async delivery(key: string, run: string, fields: Reply | undefined): Promise<Delivery | undefined> {
    try {
      return { record: recordIn(fields) as ExecutionRecord, run };
    } catch (error) {
      this.host.report(error);
    }
    const repaired = repairedFields(fields);
    if (repaired.losses < mostLosses) {
      await this.settleAs(key, run, 'vanish', this.host.lease);
    } else {
      const outcome = JSON.stringify(lostTooOften(`The record of '${key}' could not be read, and it`));
      await this.settleAs(key, run, 'giveUp', 0, 'failed', ...repaired.fields, 'outcome', outcome);
    }
    return undefined;
  }

  private async settleAs(key: string, run: string, how: string, delay = 0, ...fields: Argument[]): Promise<boolean> {
    const { waitingList } = this.host;
    const args = [this.host.request(), key, run, how, delay, ...fields];
    const [status, job, admitted] = await this.list(lua.runs.settle, ...args);
    await waitingList.admit(admitted);
    await waitingList.enqueue(key, job, how === 'handBack' || how === 'vanish');
    return status === 'settled';
  }

  /** Runs a script whose reply is a list. */
  private async list(step: LuaStep, ...args: readonly Argument[]): Promise<readonly Reply[]> {
    return (await this.host.run(step, ...args)) as readonly Reply[];
  }
}

/** The number of components that a worker declares. It looks at executions of further ones each time. */
const mostDeclared = 200;

const has = ({ components }: Intake, component: string): boolean => components?.has(component) ?? true;

/** Lets a worker say from now on whether it has a component. Undefined if it already does. */
function declare(intake: Intake, component: string): 'known' | 'unknown' | undefined {
  const { limits } = intake;
  const isDeclared = limits.some((each, index) => index % 4 === 0 && each === component);
  if (isDeclared || limits.length >= 4 * mostDeclared) return undefined;
  const standing = has(intake, component) ? 'known' : 'unknown';
  limits.push(component, standing, '', '');
  return standing;
}

/** A list in a packed reply, where an empty one arrives as an empty record. */
const listIn = (reply: Reply | undefined): readonly Reply[] =>
  Array.isArray(reply) ? (reply as readonly Reply[]) : [];

/** The state that follows from an outcome, then the fields to write to the record. */
function outcomeFields({ outcome, isError }: FinishedRun['settlement']): Argument[] {
  const state = 'error' in outcome ? 'failed' : 'completed';
  return [state, 'outcome', JSON.stringify(outcome), ...(isError === true ? ['isError', 1] : [])];
}

const foreignJob = (): ErrandError =>
  new ErrandError(
    'EXECUTION_UNKNOWN',
    "A job in BullMQ's waiting list was not added by Errand, and was removed. Add executions with docket.add.",
  );

const recordMissing = (key: string): ErrandError =>
  new ErrandError(
    'EXECUTION_UNKNOWN',
    `The record of '${key}' was gone or damaged when its turn came, so it is not run. Redis must not evict keys: set maxmemory-policy noeviction.`,
  );
