import { ErrandError, messageOf } from '../../base/errors.js';
import type { OpenSpan } from '../../telemetry/tracing.js';
import type { Logger } from '../../base/logger.js';
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
import type { RetryPolicy } from '../../components/options.js';
import { lostTooOften, mostLosses, outcomeWithin, type SizeLimits } from '../engine/size-limits.js';
import { IsolatedRuns } from './isolated-runs.js';
import { OtherWorkers } from './other-workers.js';
import { refuseSealed } from '../sealing/sealer.js';
import { processing } from '../engine/spans.js';
import { auditFields, hasFailed, isTask, type ExecutionRecord } from '../engine/record.js';
import { outcomeOf, RunMeter, type RunOutcome } from './run-meter.js';

/** How long a worker leaves work to others before it sees it again, in milliseconds; and where one of them has room for it. */
const putBackDelay = 5_000;
const shortDelay = 250;

/** What a worker needs of its server. */
export interface WorkerHost extends CallSettings {
  readonly catalog: Catalog<CallFrame>;
  readonly limits: SizeLimits;
  /** The version of the server, for whoever looks at the workers. */
  readonly version?: string;
  /** How a task reaches the client that asked for it. */
  taskChannel(delivery: Delivery): ClientChannel;
  readonly strays: StrayErrors;
}

/** Makes the calls of a docket. */
export class Worker implements DeliveryHandler {
  private readonly running = new Map<string, CallScope>();
  /** Those of them that wait and hold no slot. */
  private readonly parked = new Set<string>();
  private readonly consumer: Consumer;
  private readonly isolation: IsolatedRuns;
  private readonly others: OtherWorkers;
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
    this.others = new OtherWorkers(name, engine, host.clock);
  }

  /** Calls that hold a slot, and calls that wait without one. */
  get load(): { readonly running: number; readonly waiting: number } {
    return { running: this.running.size - this.parked.size, waiting: this.parked.size };
  }

  /** Takes nothing more, hands back what is under way, and waits until every call has settled or its grace has passed. */
  async stop(): Promise<void> {
    this.stopping = true;
    await this.consumer.stopIntake();
    this.isolation.giveUpAll();
    for (const life of this.running.values()) life.end(handedBack());
    await this.consumer.idle();
  }

  /** Part of {@link DeliveryHandler}. */
  revoke(run: string, why: Revocation): void {
    this.isolation.giveUp(run);
    this.running.get(run)?.end(revocations[why]());
  }

  /** Part of {@link DeliveryHandler}. */
  async run(delivery: Delivery): Promise<void> {
    const { record, run } = delivery;
    const component = this.host.catalog.find(record.component);
    if (component === undefined || component.task === 'forbidden') return this.leaveUnknown(delivery);
    if (record.losses > mostLosses) return this.giveUp(delivery);
    if (record.isolated === true && !(await this.isIsolated(delivery))) return;
    const meter = new RunMeter(this.host.meters, this.host.clock, record);
    const life = new CallScope(this.host.clock, record.timeout, {
      park: () => {
        meter.pause();
        this.parked.add(run);
        this.isolation.park(delivery);
      },
      unpark: async () => {
        await this.isolation.unpark(run);
        this.parked.delete(run);
        meter.resume();
      },
    });
    this.running.set(run, life);
    try {
      if (this.stopping) life.end(handedBack());
      await this.host.strays.watch({ life, component: component.name, key: record.key }, () =>
        this.host.tracing.span(
          () => processing(record, this.name),
          (span) => this.make(component, delivery, life, meter, span),
        ),
      );
    } finally {
      life.finish();
      this.running.delete(run);
      this.parked.delete(run);
      this.isolation.ended(run);
    }
  }

  /** Whether the worker makes no other call than this one from here on; if not, it went back to the docket. */
  private async isIsolated(delivery: Delivery): Promise<boolean> {
    const { record, run } = delivery;
    const entering = this.isolation.enter(run);
    const isBusy = this.running.size > this.parked.size;
    // Before this worker leaves its slots empty: another may have nothing to do.
    const handsOn = isBusy && (await this.others.hasIdle(record.component));
    if (handsOn) this.isolation.giveUp(run);
    if (await entering) {
      this.loggerFor(record).warning('A call is made beside no other: workers died while they ran its component', {
        suspicions: record.suspicions ?? 0,
        losses: record.losses,
      });
      return true;
    }
    if (this.stopping) await this.engine.settle(record.key, run, { type: 'handBack' });
    else await this.putBack(delivery, handsOn ? shortDelay : putBackDelay);
    return false;
  }

  /** Back to the docket for a worker that knows the component, as there are while a new version is rolled out. */
  private async leaveUnknown(delivery: Delivery): Promise<void> {
    const { component } = delivery.record;
    this.loggerFor(delivery.record).warning('An execution of an unknown component was put back');
    this.host.meters.count('executionsUnknown', { 'errand.component': component });
    await this.putBack(delivery, (await this.others.hasRoom(component)) ? shortDelay : putBackDelay);
  }

  /** It is seen again after so many milliseconds, and nothing is counted. */
  private async putBack({ record, run }: Delivery, delay: number): Promise<void> {
    const { component, key } = record;
    this.host.meters.count('runsEnded', { 'errand.component': component, 'errand.outcome': 'put_back' });
    await this.engine.settle(key, run, { type: 'putBack', delay });
  }

  private async giveUp(delivery: Delivery): Promise<void> {
    const { component } = delivery.record;
    this.loggerFor(delivery.record).error('An execution was lost too often');
    this.host.meters.count('executionsGivenUp', { 'errand.component': component });
    this.host.meters.count('runsEnded', { 'errand.component': component, 'errand.outcome': 'failed' });
    await this.settle(delivery, { type: 'finish', outcome: lostTooOften(`'${component}'`), lost: true });
  }

  /** What all lines about an execution have. */
  private loggerFor(record: ExecutionRecord): Logger {
    return this.host.logger.child({
      [isTask(record) ? 'taskId' : 'key']: record.key,
      component: record.component,
      attempt: record.attempt,
      worker: this.name,
    });
  }

  private async make(
    component: Component<CallFrame>,
    delivery: Delivery,
    life: CallScope,
    meter: RunMeter,
    span: OpenSpan,
  ): Promise<void> {
    const { record } = delivery;
    const logger = this.loggerFor(record);
    if (record.redelivered) {
      logger.info('A call is made again: its last run was interrupted', { losses: record.losses });
    }
    let released = Promise.resolve();
    // Whether nothing of the call goes on: one that was ended early may, for as long as its grace.
    let over = true;
    let ended: CallOutcome;
    try {
      refuseSealed(record.snapshot, record.key);
      const frame = this.frame(component, delivery, restoreSnapshot(record.snapshot), life, logger);
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
    let verdict: Settlement;
    if (ended.type === 'returned') {
      verdict = this.finish(component, ended.value === undefined ? {} : { result: ended.value }, record, logger);
    } else if (ended.type === 'suspended') {
      // A task waits for its answers in its worker. Whoever suspends it all the same has it begun anew.
      verdict = { type: 'handBack' };
    } else {
      const { thrown } = ended;
      span.fail(meter.threw(thrown), messageOf(thrown));
      if (ErrandError.is(thrown, 'DOCKET_UNAVAILABLE') && life.over?.code !== 'CALL_HANDED_BACK') {
        // Nothing is wrong with the call. Without a verdict it counts as lost, and is made again once the docket is back.
        logger.warning('A call was lost because its docket could not be reached', { error: thrown });
        meter.ended('lost');
        span.set({ 'errand.outcome': 'lost' });
        await released;
        return;
      }
      verdict = this.failure(component, thrown, record, life, logger);
    }
    let outcome: RunOutcome = 'lost';
    try {
      const accepted = await this.settle(delivery, verdict, over);
      if (accepted) outcome = outcomeOf(record, verdict);
      else if (await this.wasCancelled(record, life)) outcome = 'cancelled';
    } finally {
      meter.ended(outcome);
      span.set({ 'errand.outcome': outcome });
    }
    await released;
  }

  /** Tells the engine, and the log of each task that has ended by it; work of the program is the program's affair. */
  private async settle({ record, run }: Delivery, verdict: Settlement, over = true): Promise<boolean> {
    const accepted = await this.engine.settle(record.key, run, verdict, over);
    if (accepted && verdict.type === 'finish' && isTask(record)) {
      this.host.logger.info('A task has ended', {
        ...auditFields(record),
        state: hasFailed(record, verdict.outcome) ? 'failed' : 'completed',
        attempt: record.attempt,
        worker: this.name,
      });
    }
    return accepted;
  }

  /** Whether a run lost its execution because nobody wants that any more. The news of it may still be on its way. */
  private async wasCancelled({ key, generation }: ExecutionRecord, life: CallScope): Promise<boolean> {
    if (life.over?.code === 'CALL_CANCELLED') return true;
    const now = await this.engine.get(key).catch(() => undefined);
    return now !== undefined && (now.state === 'cancelled' || now.generation !== generation);
  }

  private frame(
    component: Component<CallFrame>,
    delivery: Delivery,
    { caller, client }: RestoredSnapshot,
    life: CallScope,
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
      life,
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
    life: CallScope,
    logger: Logger,
  ): Settlement {
    if (life.over?.code === 'CALL_HANDED_BACK') {
      logger.info('A call was handed back', { reason: life.over.message });
      return { type: 'handBack' };
    }
    // Runs that were lost have not failed.
    const failures = record.attempt - record.losses;
    if (failures < record.retry.attempts && isRetryable(thrown)) {
      const delay = retryDelay(record.retry, failures);
      logger.warning('An attempt failed and will be repeated', { delay, error: thrown });
      return { type: 'retry', error: storedError(thrown), delay };
    }
    if (!isTask(record) && life.over?.code !== 'CALL_CANCELLED') {
      logger.error('An execution failed', { error: thrown });
    }
    return this.finish(component, this.failed(component, thrown, record, logger), record, logger);
  }

  /** What a call that failed leaves behind, in the words of whoever asked for it. */
  private failed(
    component: Component<CallFrame>,
    thrown: unknown,
    record: ExecutionRecord,
    logger: Logger,
  ): ClientOutcome {
    return isTask(record) ? failureOf(component, thrown, logger, this.host.disclosure) : { error: storedError(thrown) };
  }

  /** The end of a call. What is too large to be kept, be it a result or an error, makes it a failed one. */
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
      logger.error('A result is too large to be kept', { error });
      return finished(record, this.failed(component, error, record, logger) as Outcome);
    }
  }
}

/** Lists tell of an error that is a result, and an outcome may be sealed: the record says it beside. */
const finished = (record: ExecutionRecord, outcome: Outcome): Settlement => ({
  type: 'finish',
  outcome,
  ...('result' in outcome && hasFailed(record, outcome) && { isError: true }),
});

const revocations: Readonly<Record<Revocation, () => ErrandError>> = {
  cancelled: () => new ErrandError('CALL_CANCELLED', 'The call was cancelled.', { exposed: true }),
  replaced: () => new ErrandError('CALL_CANCELLED', 'The call has made way for a newer one under its key.'),
  lost: () => new ErrandError('CALL_HANDED_BACK', 'The call was lost to another worker.'),
};

const handedBack = (): ErrandError =>
  new ErrandError('CALL_HANDED_BACK', 'The worker stops; the call goes back to the docket.');

/** How long to wait after so many failures, in milliseconds. */
function retryDelay({ delay, backoff, maximumDelay }: RetryPolicy, failures: number): number {
  return backoff === 'fixed' ? delay : Math.min(delay * 2 ** (failures - 1), maximumDelay);
}
