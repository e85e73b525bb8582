import { randomUUID } from 'node:crypto';
import { ErrandError } from '../../base/errors.js';
import type { ConsumeOptions, Delivery } from '../../docket/engine/engine.js';
import { mostLosses, lostTooOften } from '../../docket/engine/loss-policy.js';
import type { ExecutionRecord } from '../../docket/engine/record.js';
import { limitArguments, recordIn, repairedFields } from '../codec.js';
import { lua } from '../lua/bundle.js';
import type { Argument, Reply } from '../connection/script-runner.js';
import { outcomeFields, type FinishedRun, type RunsParts } from './redis-runs.js';
import type { RedisRuns } from './redis-runs.js';
import type { Ticket } from './queue-jobs.js';

/** The number of components that a worker declares. It looks at executions of further ones each time. */
const mostDeclared = 200;

/** A queue job under its lock. */
export interface LockedJob {
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

/** The result of finishing a run: whether it was accepted, and the next job that came with it. */
export interface Finished {
  readonly accepted: boolean;
  readonly next?: NextJob;
}

/** Acquires runs for one worker. */
export class Intake {
  /** Distinguishes workers of the same name. */
  private readonly id = randomUUID();
  private readonly worker: string;
  /** The components that the worker has; absent if it has all. */
  private readonly components: ReadonlySet<string> | undefined;
  /** Limits of components, as arguments of the steps; and which components the worker has, where Redis asks. */
  private readonly limits: Argument[];
  private locks = 0;

  constructor(
    { worker, components, limits }: ConsumeOptions,
    private readonly runs: RedisRuns,
    private readonly parts: RunsParts,
  ) {
    this.worker = worker;
    this.components = components && new Set(components);
    this.limits = limitArguments(limits);
  }

  /** Whether a job and its run are acquired in one step. If not, BullMQ locks and acknowledges each job by itself. */
  get takesJobs(): boolean {
    return this.parts.takesJobs;
  }

  /** Returns a new lock. It begins with the id of this process, whose threads find its jobs by it. */
  newLock(): string {
    return `${this.parts.commands.node}/${this.id}.${++this.locks}`;
  }

  /** Acquires the run of a job. Undefined if the job is no longer valid, or its component's limits keep it waiting. */
  async acquire({ key, ticket }: Ticket, run: string): Promise<Delivery | undefined> {
    const { commands, waitingList } = this.parts;
    const reply = await commands.list(lua.runs.acquire, key, ticket, commands.node, run, ...this.limits);
    const [status, value, admitted] = reply;
    await waitingList.admit(admitted);
    return this.deliveryIn(key, run, status, value);
  }

  /** Locks the first job of the waiting list, if there is one, and acquires its run. */
  async acquireFirst(lock: string, run: string): Promise<NextJob | undefined> {
    const { commands, lease, waitingList, workers } = this.parts;
    const args = [this.id, lock, lease, this.worker, commands.node, run, ...this.limits];
    const [first, admitted, unknown] = (await workers().run(lua.runs.acquireFirst, ...args)) as readonly Reply[];
    await waitingList.admit(admitted);
    const declared = listIn(unknown).map((component) => this.declare(String(component)));
    // Executions wait for a worker like this one, which Redis did not know.
    if (!Array.isArray(first) && declared.includes('known')) return this.acquireFirst(lock, run);
    return this.nextJobIn(first, run);
  }

  /** Acknowledges a job, locks the next one of the waiting list, if there is one, and acquires its run. */
  async acquireNext(done: LockedJob, run: string): Promise<NextJob | undefined> {
    const { waitingList, workers } = this.parts;
    const reply = await workers().run(lua.runs.acquireNext, ...this.nextArguments(done, run));
    const [next, admitted] = reply as readonly Reply[];
    await waitingList.admit(admitted);
    return this.nextJobIn(next, run);
  }

  /** Settles a finished run and does {@link Intake.acquireNext}, all in one step. `coming` is the run of the next job. */
  async finish({ key, run, settlement }: FinishedRun, done: LockedJob, coming: string): Promise<Finished> {
    const { commands, waitingList, report } = this.parts;
    const fields = outcomeFields(settlement);
    const facts = [commands.request(), key, run, fields.length, ...fields];
    const reply = await commands.list(lua.runs.finish, ...facts, ...this.nextArguments(done, coming));
    const [settled, following, admitted, why] = reply;
    await waitingList.admit(admitted);
    if (typeof why === 'string') {
      report(new ErrandError('DOCKET_UNAVAILABLE', `The next queue job could not be taken: ${why}.`));
    }
    const next = await this.nextJobIn(following, coming);
    return { accepted: settled === 'settled', ...(next && { next }) };
  }

  /** Undoes the acquisition of a run that never began, also while the engine closes. The caller releases its job. */
  async releaseUnstarted({ record, run }: Delivery): Promise<void> {
    const { waitingList, workers } = this.parts;
    const [admitted] = (await workers().run(lua.runs.releaseUnstarted, record.key, run)) as readonly Reply[];
    await waitingList.admit(admitted);
  }

  /** Restores BullMQ's marker, for a worker that has consumed it and takes no job. */
  async passOn(): Promise<void> {
    await this.parts.workers().run(lua.runs.passOn);
  }

  private has(component: string): boolean {
    return this.components?.has(component) ?? true;
  }

  /** From now on the worker says whether it has a component. Undefined if it already does. */
  private declare(component: string): 'known' | 'unknown' | undefined {
    const isDeclared = this.limits.some((each, index) => index % 4 === 0 && each === component);
    if (isDeclared || this.limits.length >= 4 * mostDeclared) return undefined;
    const standing = this.has(component) ? 'known' : 'unknown';
    this.limits.push(component, standing, '', '');
    return standing;
  }

  private nextArguments({ id, lock }: LockedJob, run: string): Argument[] {
    return [id, lock, this.parts.lease, this.worker, this.parts.commands.node, run, ...this.limits];
  }

  private async nextJobIn(next: Reply | undefined, run: string): Promise<NextJob | undefined> {
    if (!Array.isArray(next)) return undefined;
    const [status, value, id, key, ticket] = next as readonly Reply[];
    const delivery = await this.deliveryIn(String(key), run, status, value);
    return { id: String(id), data: { key: String(key), ticket: String(ticket) }, ...(delivery && { delivery }) };
  }

  private async deliveryIn(
    key: string,
    run: string,
    status: Reply | undefined,
    value: Reply | undefined,
  ): Promise<Delivery | undefined> {
    const { waitingList, report } = this.parts;
    if (status === 'run' || status === 'look') {
      const delivery = await this.delivery(key, run, value);
      const component = delivery?.record.component;
      // Before the worker looks: it takes others in the meantime.
      if (component !== undefined && (status === 'look' || !this.has(component))) this.declare(component);
      return delivery;
    }
    if (status === 'wait' && value !== '') waitingList.checkDueIn(Number(value));
    if (status === 'missing') report(key === '' ? foreignJob() : recordMissing(key));
    return undefined;
  }

  /** A newer process may be able to read a record that this one cannot. So the run is released, and counted as a loss. */
  private async delivery(key: string, run: string, fields: Reply | undefined): Promise<Delivery | undefined> {
    try {
      return { record: recordIn(fields) as ExecutionRecord, run };
    } catch (error) {
      this.parts.report(error);
    }
    const { losses, fields: repaired } = repairedFields(fields);
    if (losses < mostLosses) {
      await this.runs.releaseUnreadable(key, run);
    } else {
      const outcome = lostTooOften(`The record of '${key}' could not be read, and it`);
      await this.runs.endUnreadable(key, run, repaired, outcome);
    }
    return undefined;
  }
}

/** A list in a packed reply, where an empty one arrives as an empty record. */
const listIn = (reply: Reply | undefined): readonly Reply[] =>
  Array.isArray(reply) ? (reply as readonly Reply[]) : [];

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
