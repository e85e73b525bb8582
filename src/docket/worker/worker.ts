import { ErrandError, messageOf } from '../../base/errors.js';
import type { OpenSpan } from '../../telemetry/tracing.js';
import type { Logger } from '../../base/logger.js';
import { Rarely } from '../../base/rarely.js';
import { channelWithoutClient, type ClientChannel } from '../../call/channel.js';
import type { CallFrame, CallSettings } from '../../call/frame.js';
import { Journal } from '../../call/questions/journal.js';
import { CallScope } from '../../call/call-scope.js';
import { failureOf, isRetryable, storedError, type ClientOutcome, type Outcome } from '../../call/outcome.js';
import { makeFrame, runCall, type CallOutcome } from '../../call/pipeline.js';
import type { StrayErrors } from '../../call/stray-errors.js';
import { restoreSnapshot, type RestoredSnapshot } from '../../call/snapshot.js';
import type { Catalog } from '../../components/catalog.js';
import type { Component } from '../../components/component.js';
import type { Consumer, Delivery, DeliveryHandler, Engine, Revocation, Settlement } from '../engine/engine.js';
import { retryDelay } from '../../components/retry-policy.js';
import { lostTooOften, mostLosses } from '../engine/loss-policy.js';
import { outcomeWithin, type SizeLimits } from '../engine/size-limits.js';
import { ClientSlots } from './client-slots.js';
import { IsolatedRuns } from './isolated-runs.js';
import { OtherWorkers } from './other-workers.js';
import { refuseSealed } from '../sealing/sealer.js';
import { processing } from '../engine/spans.js';
import { auditFields, hasFailed, isTask, type ExecutionRecord } from '../engine/record.js';
import { outcomeOf, RunMeter, type RunOutcome } from './run-meter.js';

/** How long a released execution is left to other workers, in milliseconds: normally, and if one has room for it. */
const releaseDelay = 5_000;
const shortDelay = 250;

/** How often an unknown component is logged, in milliseconds. */
export const unknownLineInterval = 60_000;

/** How often a worker that waits to run a call alone looks for an idle one, in milliseconds. */
const lookInterval = 1_000;

/** The parts of a server that its worker depends on. */
export interface WorkerHost extends CallSettings {
  readonly catalog: Catalog<CallFrame>;
  readonly limits: SizeLimits;
  /** The version of the server, shown in lists of workers. */
  readonly version?: string;
  /** The channel between a task and its client. */
  taskChannel(delivery: Delivery): ClientChannel;
  readonly strays: StrayErrors;
  /** The log lines about components that the workers of the process do not have. Default: this worker's own. */
  readonly unknownLines?: Rarely;
  /** Whether foreground calls or other workers run in the process as well. */
  sharesProcess(): boolean;
}

/** Runs the calls of a docket. */
export class Worker implements DeliveryHandler {
  private readonly running = new Map<string, CallScope>();
  /** The running calls that wait without a slot. */
  private readonly parked = new Set<string>();
  private readonly consumer: Consumer;
  private readonly isolation: IsolatedRuns;
  private readonly others: OtherWorkers;
  private readonly clients: ClientSlots;
  private readonly unknownLines: Rarely;
  private stopping = false;

  constructor(
    readonly name: string,
    readonly concurrency: number,
    private readonly engine: Engine,
    private readonly host: WorkerHost,
  ) {
    this.consumer = engine.consume(
      {
        worker: name,
        concurrency,
        components: host.catalog.background,
        limits: host.catalog.limits,
        ...(host.version !== undefined && { version: host.version }),
      },
      this,
    );
    this.isolation = new IsolatedRuns(engine, this.consumer, host.clock, host.logger);
    this.clients = new ClientSlots(concurrency, host.limits.share, host.clock);
    this.others = new OtherWorkers(name, engine, host.clock);
    this.unknownLines = host.unknownLines ?? new Rarely(unknownLineInterval);
  }

  /** The number of calls that hold a slot, and of those that wait without one. */
  get load(): { readonly running: number; readonly waiting: number } {
    return { running: this.running.size - this.parked.size, waiting: this.parked.size };
  }

  /** Stops intake, releases the running calls, and waits until each has settled or its grace has passed. */
  async stop(): Promise<void> {
    this.stopping = true;
    await this.consumer.stopIntake();
    this.isolation.giveUpAll();
    for (const scope of this.running.values()) scope.end(handedBack());
    await this.consumer.idle();
  }

  /** Part of {@link DeliveryHandler}. */
  revoke(run: string, reason: Revocation): void {
    this.isolation.giveUp(run);
    this.running.get(run)?.end(revocations[reason]());
  }

  /** Part of {@link DeliveryHandler}. */
  async run(delivery: Delivery): Promise<void> {
    const { record, run } = delivery;
    const component = this.host.catalog.find(record.component);
    if (component === undefined || component.task === 'forbidden') return this.releaseUnknown(delivery);
    if (record.losses > mostLosses) return this.giveUp(delivery);
    if (record.isolated === true && !(await this.isIsolated(delivery))) return;
    // A run that is isolated is alone anyway.
    const client = record.isolated === true ? undefined : record.client;
    const pause = client === undefined ? undefined : this.clients.enter(client);
    if (pause !== undefined) return this.release(delivery, pause);
    const meter = new RunMeter(this.host.meters, this.host.clock, record);
    const scope = new CallScope(this.host.clock, record.timeout, {
      park: () => {
        meter.pause();
        this.parked.add(run);
        if (client !== undefined) this.clients.leave(client);
        this.isolation.park(delivery);
      },
      unpark: async () => {
        await this.isolation.unpark(run);
        this.parked.delete(run);
        if (client !== undefined) this.clients.resume(client);
        meter.resume();
      },
    });
    this.running.set(run, scope);
    try {
      // A death of the worker before this is not charged to the run. `revoke` reports a run lost in the meantime.
      if (record.isolated === true) await this.engine.beginAlone(record.key, run, this.host.sharesProcess());
      if (this.stopping) scope.end(handedBack());
      await this.host.strays.watch({ scope, component: component.name, key: record.key }, () =>
        this.host.tracing.span(
          () => processing(record, this.name),
          (span) => this.runAndSettle(component, delivery, scope, meter, span),
        ),
      );
    } finally {
      scope.finish();
      this.running.delete(run);
      const wasParked = this.parked.delete(run);
      if (client !== undefined && !wasParked) this.clients.leave(client);
      this.isolation.ended(run);
    }
  }

  /** Waits until no other call runs in this worker. `false` if that failed; the run has then been released. */
  private async isIsolated(delivery: Delivery): Promise<boolean> {
    const { record, run } = delivery;
    const entering = this.isolation.enter(run);
    const elsewhere = { isIdle: false };
    let stopLooking = (): void => undefined;
    // Rather than leave its slots empty, this worker hands the run to one that is idle.
    const look = async (): Promise<void> => {
      elsewhere.isIdle = await this.others.hasIdle(record.component);
      if (elsewhere.isIdle) this.isolation.giveUp(run);
      else if (this.isolation.isEntering(run)) stopLooking = this.host.clock.schedule(lookInterval, () => void look());
    };
    if (this.running.size > this.parked.size) void look();
    const isAlone = await entering;
    stopLooking();
    if (isAlone) {
      this.loggerFor(record).warning('A call runs alone: workers have died while running its component', {
        suspicions: record.suspicions ?? 0,
        losses: record.losses,
      });
      return true;
    }
    if (this.stopping) await this.engine.settle(record.key, run, { type: 'release' });
    else await this.release(delivery, elsewhere.isIdle ? shortDelay : releaseDelay);
    return false;
  }

  /** Leaves a run to a worker that knows the component, as exists during the rollout of a new version. */
  private async releaseUnknown(delivery: Delivery): Promise<void> {
    const { component } = delivery.record;
    if (this.unknownLines.isDue(component, this.host.clock.now())) {
      this.loggerFor(delivery.record).warning('An execution of an unknown component was released');
    }
    this.host.meters.count('executionsUnknown', { 'errand.component': component });
    await this.release(delivery, (await this.others.hasRoom(component)) ? shortDelay : releaseDelay, true);
  }

  /** Gives back a run that has not begun, for delivery after `delay` milliseconds. No attempt is counted. */
  private async release({ record, run }: Delivery, delay: number, unknown = false): Promise<void> {
    const { component, key } = record;
    this.host.meters.count('runsEnded', { 'errand.component': component, 'errand.outcome': 'put_back' });
    await this.engine.settle(key, run, { type: 'release', delay, ...(unknown && { unknown }) });
  }

  private async giveUp(delivery: Delivery): Promise<void> {
    const { component } = delivery.record;
    this.loggerFor(delivery.record).error('An execution was lost too often');
    this.host.meters.count('executionsGivenUp', { 'errand.component': component });
    this.host.meters.count('runsEnded', { 'errand.component': component, 'errand.outcome': 'failed' });
    await this.settle(delivery, { type: 'finish', outcome: lostTooOften(`'${component}'`), lost: true });
  }

  /** A logger whose lines carry the ids of an execution. */
  private loggerFor(record: ExecutionRecord): Logger {
    return this.host.logger.child({
      [isTask(record) ? 'taskId' : 'key']: record.key,
      component: record.component,
      attempt: record.attempt,
      worker: this.name,
    });
  }

  private async runAndSettle(
    component: Component<CallFrame>,
    delivery: Delivery,
    scope: CallScope,
    meter: RunMeter,
    span: OpenSpan,
  ): Promise<void> {
    const { record } = delivery;
    const logger = this.loggerFor(record);
    if (record.redelivered) {
      logger.info('A call runs again: its last run was interrupted', { losses: record.losses });
    }
    let released = Promise.resolve();
    // Whether the call has stopped completely. One that was ended early may continue until its grace has passed.
    let over = true;
    let ended: CallOutcome;
    try {
      refuseSealed(record.snapshot, record.key);
      const frame = this.frame(component, delivery, restoreSnapshot(record.snapshot), scope, logger);
      let release = (): void => undefined;
      over = false;
      released = new Promise((resolve) => {
        release = () => {
          over = true;
          resolve();
        };
      });
      ended = await runCall(frame, isTask(record) ? 'client' : 'program', release);
    } catch (thrown) {
      ended = { type: 'failed', thrown };
    }
    let settlement: Settlement;
    if (ended.type === 'returned') {
      settlement = this.finish(component, ended.value === undefined ? {} : { result: ended.value }, record, logger);
    } else if (ended.type === 'suspended') {
      // Tasks wait for answers in their worker, so nothing suspends one yet. If something does, it starts over.
      settlement = { type: 'release' };
    } else {
      const { thrown } = ended;
      span.fail(meter.threw(thrown), messageOf(thrown));
      if (ErrandError.is(thrown, 'DOCKET_UNAVAILABLE') && scope.over?.code !== 'CALL_HANDED_BACK') {
        // Not the fault of the call. Unsettled it counts as lost, and runs again once the docket is back.
        logger.warning('A call was lost because its docket could not be reached', { error: thrown });
        meter.ended('lost');
        span.set({ 'errand.outcome': 'lost' });
        await released;
        return;
      }
      settlement = this.failure(component, thrown, record, scope, logger);
    }
    let outcome: RunOutcome = 'lost';
    try {
      const accepted = await this.settle(delivery, settlement, over);
      if (accepted) outcome = outcomeOf(record, settlement);
      else if (await this.wasCancelled(record, scope)) outcome = 'cancelled';
    } finally {
      meter.ended(outcome);
      span.set({ 'errand.outcome': outcome });
    }
    await released;
  }

  /** Settles a run, and logs the end of tasks. Executions that the program added are the program's own business. */
  private async settle({ record, run }: Delivery, settlement: Settlement, over = true): Promise<boolean> {
    const accepted = await this.engine.settle(record.key, run, settlement, over);
    if (accepted && settlement.type === 'finish' && isTask(record)) {
      this.host.logger.info('A task has ended', {
        ...auditFields(record),
        state: hasFailed(record, settlement.outcome) ? 'failed' : 'completed',
        attempt: record.attempt,
        worker: this.name,
      });
    }
    return accepted;
  }

  /** Whether a run lost its execution to a cancel or a replacement, whose revocation may still be on its way. */
  private async wasCancelled({ key, generation }: ExecutionRecord, scope: CallScope): Promise<boolean> {
    if (scope.over?.code === 'CALL_CANCELLED') return true;
    const now = await this.engine.get(key).catch(() => undefined);
    return now !== undefined && (now.state === 'cancelled' || now.generation !== generation);
  }

  private frame(
    component: Component<CallFrame>,
    delivery: Delivery,
    { caller, client }: RestoredSnapshot,
    scope: CallScope,
    logger: Logger,
  ): CallFrame {
    const { record } = delivery;
    const taskChannel = this.host.taskChannel(delivery);
    const channel = client === undefined ? channelWithoutClient(taskChannel) : taskChannel;
    const { key, attempt, redelivered, createdAt } = record;
    return makeFrame(this.host, {
      component,
      mode: 'background',
      input: record.input,
      channel,
      scope,
      journal: new Journal(key),
      caller,
      logger,
      execution: { key, attempt, redelivered, addedAt: createdAt, worker: this.name },
      ...(client !== undefined && {
        client,
        taskId: key,
        requestId: client.requestId,
        ...(client.sessionId !== undefined && { sessionId: client.sessionId }),
      }),
    });
  }

  private failure(
    component: Component<CallFrame>,
    thrown: unknown,
    record: ExecutionRecord,
    scope: CallScope,
    logger: Logger,
  ): Settlement {
    if (scope.over?.code === 'CALL_HANDED_BACK') {
      logger.info('A call was released', { reason: scope.over.message });
      return { type: 'release' };
    }
    // A lost run is not a failure.
    const failures = record.attempt - record.losses;
    if (failures < record.retry.attempts && isRetryable(thrown)) {
      const delay = retryDelay(record.retry, failures);
      logger.warning('An attempt failed and will be retried', { delay, error: thrown });
      return { type: 'retry', error: storedError(thrown), delay };
    }
    if (!isTask(record) && scope.over?.code !== 'CALL_CANCELLED') {
      logger.error('An execution failed', { error: thrown });
    }
    return this.finish(component, this.failed(component, thrown, record, logger), record, logger);
  }

  /** The outcome of a failed call: for the client of a task, or for the operators. */
  private failed(
    component: Component<CallFrame>,
    thrown: unknown,
    record: ExecutionRecord,
    logger: Logger,
  ): ClientOutcome {
    return isTask(record) ? failureOf(component, thrown, logger, this.host.disclosure) : { error: storedError(thrown) };
  }

  /** The settlement of an ended call. An outcome that is too large to be stored makes it fail. */
  private finish(
    component: Component<CallFrame>,
    outcome: object,
    record: ExecutionRecord,
    logger: Logger,
  ): Settlement {
    try {
      return finished(record, outcomeWithin(this.host.limits, outcome, `The result of ${component.name}`));
    } catch (error) {
      if (!ErrandError.is(error, 'RESULT_TOO_LARGE')) throw error;
      logger.error('A result is too large to be stored', { error });
      return finished(record, this.failed(component, error, record, logger) as Outcome);
    }
  }
}

/** `isError` is stored beside the outcome, because lists show it and the outcome may be sealed. */
const finished = (record: ExecutionRecord, outcome: Outcome): Settlement => ({
  type: 'finish',
  outcome,
  ...('result' in outcome && hasFailed(record, outcome) && { isError: true }),
});

const revocations: Readonly<Record<Revocation, () => ErrandError>> = {
  cancelled: () => new ErrandError('CALL_CANCELLED', 'The call was cancelled.', { exposed: true }),
  replaced: () => new ErrandError('CALL_CANCELLED', 'The call was replaced by a newer one with its key.'),
  lost: () => new ErrandError('CALL_HANDED_BACK', 'The call was lost to another worker.'),
};

const handedBack = (): ErrandError =>
  new ErrandError('CALL_HANDED_BACK', 'The worker is stopping, so the call goes back to the docket.');
