import { randomUUID } from 'node:crypto';
import { systemClock } from '../base/clock.js';
import { settlesWithin } from '../base/disposal.js';
import { ErrandError, messageOf } from '../base/errors.js';
import { isWellFormed } from '../base/json.js';
import type { ClientNotice, ClientQuestion, ProgressState } from '../call/channel.js';
import type {
  Addition,
  CancelResult,
  ConsumeOptions,
  Consumer,
  DeliveryHandler,
  EndWatch,
  Engine,
  EngineEvent,
  Health,
  ListQuery,
  NewExecution,
  NewSchedule,
  RecordPage,
  Retried,
  Revocation,
  ScheduleRecord,
  Unwatch,
  Settlement,
  Watched,
} from '../docket/engine/engine.js';
import type { BrowseQuery, DocketStats, SummaryPage, WorkerSummary } from '../docket/engine/queries.js';
import type { ExecutionEnd, ExecutionRecord, Question } from '../docket/engine/record.js';
import type { OnError } from '../docket/engine/watchers.js';
import { Meters } from '../telemetry/meters.js';
import type { RedisEngineOptions } from './engine-options.js';
import { RedisConnections } from './connection/connections.js';
import type { RedisClient } from './connection/open-redis.js';
import { Inbox, type CurrentState } from './events/inbox.js';
import { Damages } from './damage.js';
import { Mender } from './mender.js';
import { lua } from './lua/bundle.js';
import { keyOf, prefixOf } from './keys.js';
import { WaitingList } from './queue/waiting-list.js';
import { connectionIdOf, Presence } from './events/presence.js';
import { RedisConsumer } from './queue/redis-consumer.js';
import { RedisExecutions } from './redis-executions.js';
import { RedisOverview } from './redis-overview.js';
import { RedisQuestions } from './redis-questions.js';
import { Intake } from './queue/intake.js';
import { RedisRuns, type RunsParts } from './queue/redis-runs.js';
import { Leases } from './leases/leases.js';
import { Commands } from './connection/commands.js';
import { RedisSessions } from './events/redis-sessions.js';
import { RedisQuestionLeases } from './events/redis-question-leases.js';
import { bullMqSteps, untestedBullMq } from './queue/bullmq-steps.js';
import { Epoch } from './queue/epoch.js';
import { Schedules } from './queue/schedules.js';
import { ScriptRunner, Scripts } from './connection/script-runner.js';
import { QueueJobs } from './queue/queue-jobs.js';
import { WorkerRegistry } from './events/worker-registry.js';
import type { BullMqSteps } from './lua/lua-step.js';

/** How long the key written by a health check stays in Redis, in milliseconds. */
const healthTtl = 10_000;

/**
 * The engine for several processes. Records, questions and events are ours, and each transition is one script. BullMQ keeps
 * the waiting list: it decides which execution is next and recovers those of dead workers. All times are those of Redis.
 */
export class RedisEngine implements Engine {
  readonly kind = 'redis';
  readonly sessions: RedisSessions;
  readonly questionLeases: RedisQuestionLeases;

  private readonly commands: Commands;
  private readonly connections: RedisConnections;
  private readonly scripts: ScriptRunner;
  private readonly inbox: Inbox;
  private readonly presence: Presence;
  private readonly report: OnError;
  private readonly warn: (warning: string) => void;
  private readonly bullmq: BullMqSteps | undefined;
  private readonly deadline: number;
  private readonly lease: number;
  private readonly reader: RedisClient;
  private readonly healthKey: string;
  private readonly registry: WorkerRegistry;
  private readonly waitingList: WaitingList;
  private readonly executions: RedisExecutions;
  private readonly runs: RedisRuns;
  private readonly runsParts: RunsParts;
  private readonly leases: Leases;
  private readonly asked: RedisQuestions;
  private readonly overview: RedisOverview;
  private readonly mender: Mender;
  private readonly consumers = new Set<RedisConsumer>();
  /** The consumers by the runs that they know. */
  private readonly owners = new Map<string, RedisConsumer>();
  private readonly closeListeners = new Set<() => void>();
  /** Shared by all workers of the process. Each has another connection, on which it waits for jobs. */
  private forWorkers?: RedisClient;
  private workerScripts?: ScriptRunner;
  private readonly timetables: Schedules;
  private readonly epoch: Epoch;
  private lastConnection = 0;
  private starting?: Promise<void>;
  private closing?: Promise<void>;

  /** @throws {ErrandError} `DOCKET_URL`, `DOCKET_TLS`, `OPTIONS_INVALID` */
  constructor(options: RedisEngineOptions) {
    const { url, tls, name, deadline = 5_000, meters = new Meters() } = options;
    // Redis takes whole milliseconds only.
    const lease = Math.ceil(options.lease ?? 10_000);
    const { onError = () => undefined, onReconnect = () => undefined, onWarning = () => undefined } = options;
    // Errors caused by closing the engine are of no interest.
    this.report = (error) => (this.closing ? undefined : onError(error));
    this.deadline = deadline;
    if (!isWellFormed(name)) {
      throw new ErrandError(
        'OPTIONS_INVALID',
        'The name of the docket contains an unpaired surrogate. Pass well-formed text.',
      );
    }
    this.lease = lease;
    this.connections = new RedisConnections({ url, tls, deadline, onError: this.report, onReconnect, onWarning });
    this.bullmq = 'bullmq' in options ? options.bullmq : bullMqSteps();
    this.warn = onWarning;
    const scripts = new Scripts(this.bullmq);
    const damages = new Damages(this.report, meters);
    this.mender = new Mender({
      damages,
      run: (step, ...args) => this.scripts.run(step, ...args),
      schedulesLost: () => this.timetables.setAgain(),
    });
    const { mend } = this.mender;
    this.scripts = new ScriptRunner(this.connections.commands, prefixOf(name), scripts, mend);
    this.commands = new Commands(this.connections, this.scripts);
    this.timetables = new Schedules(this.scripts, damages, this.report, this.commands.node);
    this.epoch = new Epoch({
      name,
      schedules: this.timetables,
      mark: () => this.mark(),
      marked: (mark) => this.overview.open(mark),
      lost: () => this.inbox.lost(),
      warn: (warning) => this.warn(warning),
    });
    this.healthKey = keyOf(this.scripts.prefix, 'health');
    this.registry = new WorkerRegistry(this.scripts, 3 * lease, this.report, damages);
    this.reader = this.connections.patient();
    const state: CurrentState = {
      execution: async (key) => {
        const [record, questions] = await Promise.all([this.get(key), this.questions(key)]);
        return record && { record, questions };
      },
      openTasks: (session) => this.sessions.openTasks(session),
    };
    const inbox = (this.inbox = new Inbox(this.commands.node, this.scripts, this.reader, state, meters, this.report));
    inbox.on('revoke', ({ '@run': run = '', '@why': why }) => this.owners.get(run)?.revoke(run, why as Revocation));
    for (const kind of ['unscheduled', 'rescheduled'] as const) {
      inbox.on(kind, (message, number) => this.timetables.receive(message, number));
    }
    inbox.onMissed(() => this.epoch.missed());
    this.presence = new Presence(this.commands.node, this.scripts, lease, this.report);
    const { commands, presence, report } = this;
    const waitingList = (this.waitingList = new WaitingList(report));
    const workers = (): ScriptRunner =>
      (this.workerScripts ??= new ScriptRunner(this.workerConnection(), this.scripts.prefix, scripts, mend));
    this.runsParts = { commands, workers, waitingList, lease, takesJobs: this.bullmq !== undefined, report };
    this.executions = new RedisExecutions(commands, waitingList, inbox.ends.expected);
    this.runs = new RedisRuns(this.runsParts);
    this.leases = new Leases({
      commands,
      workers,
      lease,
      report,
      guard: {
        url,
        tls,
        prefix: this.scripts.prefix,
        maxBlock: options.maxBlock ?? 60_000,
        endsProcess: options.endsProcess ?? false,
        active: keyOf(this.scripts.prefix, 'queue', 'active'),
        renewOwn: scripts.of(lua.leases.renewOwn).text,
        abandon: scripts.of(lua.leases.abandon).text,
      },
    });
    this.asked = new RedisQuestions(commands, waitingList);
    this.overview = new RedisOverview(commands, damages);
    this.sessions = new RedisSessions({ commands, inbox, presence, report });
    this.questionLeases = new RedisQuestionLeases(commands, presence, inbox);
  }

  start(): Promise<void> {
    this.starting ??= this.open();
    return this.commands.guard(() => this.starting ?? Promise.resolve());
  }

  close(): Promise<void> {
    this.commands.close();
    this.closing ??= this.shutDown();
    return this.closing;
  }

  async health(): Promise<Health> {
    const before = performance.now();
    try {
      // A write, since a full Redis or a replica still answers PING.
      const { commands } = this.connections;
      await this.commands.guard(() => this.connections.probe(() => commands.set(this.healthKey, '1', 'PX', healthTtl)));
      return { ok: true, latency: performance.now() - before };
    } catch (error) {
      return { ok: false, reason: messageOf(error) };
    }
  }

  onClose(listener: () => void): Unwatch {
    this.closeListeners.add(listener);
    return () => this.closeListeners.delete(listener);
  }

  newConnectionId(): string {
    return connectionIdOf(this.commands.node, ++this.lastConnection);
  }

  add(...[execution, limits = {}]: Parameters<Engine['add']>): Promise<Addition> {
    return this.executions.add(execution, limits, false);
  }

  replace(execution: NewExecution): Promise<Addition> {
    return this.executions.add(execution, {}, true);
  }

  get(key: string): Promise<ExecutionRecord | undefined> {
    return this.executions.get(key);
  }

  list(query: ListQuery): Promise<RecordPage> {
    return this.overview.list(query);
  }

  browse(query: BrowseQuery): Promise<SummaryPage> {
    return this.overview.browse(query);
  }

  stats(): Promise<DocketStats> {
    return this.overview.stats();
  }

  workers(): Promise<readonly WorkerSummary[]> {
    return this.commands.guard(() => this.registry.list());
  }

  retry(key: string): Promise<Retried> {
    return this.executions.retry(key);
  }

  cancel(key: string, reason?: string, generation?: number): Promise<CancelResult> {
    return this.executions.cancel(key, reason, generation);
  }

  async watch(of: Watched, listener: (event: EngineEvent) => void, gone?: () => void): Promise<Unwatch> {
    return this.commands.guard(() => this.inbox.watch(of, listener, gone));
  }

  watchEnd(key: string, listener: (end: ExecutionEnd | undefined) => void, generation?: number): Promise<EndWatch> {
    return this.commands.guard(() => this.inbox.ends.watch(key, listener, generation));
  }

  async schedule(schedule: NewSchedule): Promise<ScheduleRecord> {
    const [record, wait] = await this.commands.guard(() => this.timetables.set(schedule));
    this.waitingList.checkDueIn(wait);
    return record;
  }

  unschedule(id: string): Promise<boolean> {
    return this.commands.guard(() => this.timetables.delete(id));
  }

  schedules(): Promise<readonly ScheduleRecord[]> {
    return this.commands.guard(() => this.timetables.list());
  }

  consume(options: ConsumeOptions, handler: DeliveryHandler): Consumer {
    this.commands.refuseClosed();
    const { deadline, lease, leases, owners, report, runs } = this;
    const consumer = new RedisConsumer(options, handler, {
      prefix: this.scripts.prefix,
      connection: this.workerConnection(),
      intake: new Intake(options, runs, this.runsParts),
      runs,
      leases,
      owners,
      deadline,
      lease,
      report,
    });
    this.consumers.add(consumer);
    const leave = this.registry.join(options, () => consumer.load);
    void consumer.closed.then(() => {
      this.consumers.delete(consumer);
      leave();
    });
    return consumer;
  }

  settle(key: string, run: string, settlement: Settlement, over = false): Promise<boolean> {
    const owner = this.owners.get(run);
    return owner ? owner.settle(key, run, settlement, over) : this.runs.settle(key, run, settlement);
  }

  beginAlone(key: string, run: string, shared: boolean): Promise<void> {
    return this.runs.beginAlone(key, run, shared);
  }

  exonerate(key: string, run: string): Promise<void> {
    return this.runs.exonerate(key, run);
  }

  progress(key: string, run: string, progress: ProgressState): Promise<boolean> {
    return this.runs.publish(key, run, 'progress', JSON.stringify(progress));
  }

  notify(key: string, run: string, notice: ClientNotice): Promise<boolean> {
    return this.runs.publish(key, run, 'notice', JSON.stringify(notice));
  }

  ask(key: string, run: string, asked: ClientQuestion, limit = Infinity): Promise<Question | undefined> {
    return this.asked.ask(key, run, asked, limit);
  }

  answer(...answer: Parameters<Engine['answer']>): ReturnType<Engine['answer']> {
    return this.asked.answer(...answer);
  }

  questions(key: string): Promise<readonly Question[]> {
    return this.asked.list(key);
  }

  private async open(): Promise<void> {
    await this.connections.start();
    const { commands } = this.connections;
    const jobs = new QueueJobs(this.scripts, commands, this.timetables, this.epoch, this.report, this.mender.mend);
    try {
      // Before anything fails because of it. A Redis that refuses it is reported below.
      await this.mender.mend([]).catch(() => false);
      await jobs.ready();
      await this.epoch.begin();
      await this.connections.connect(this.reader);
      await this.inbox.open();
      await this.presence.open();
      for (const redis of [commands, this.reader]) redis.on('ready', () => this.inbox.reconnected());
    } catch (error) {
      // A Redis that refuses writes leaves connections open, which must not keep alive a process that failed to start.
      await this.connections.close();
      throw ErrandError.is(error) ? error : this.connections.refused(error);
    }
    if (!this.bullmq) this.warn(untestedBullMq());
    this.waitingList.open(jobs);
  }

  private async shutDown(): Promise<void> {
    for (const listener of this.closeListeners) listener();
    this.closeListeners.clear();
    const started = await this.starting?.then(
      () => true,
      () => false,
    );
    if (started) {
      // In an outage, do not wait for Redis any longer than the deadline.
      await settlesWithin(this.tidyUp(), this.deadline, systemClock);
    }
    // Its timer would keep the process alive if a consumer still waits for Redis.
    await this.leases.close();
    await this.connections.close();
  }

  private async tidyUp(): Promise<void> {
    await Promise.allSettled([...this.consumers].map((consumer) => consumer.close()));
    await Promise.allSettled([
      this.leases.close(),
      this.registry.close(),
      this.inbox.close(),
      this.presence.close(),
      this.waitingList.close(),
    ]);
  }

  private async mark(): Promise<string> {
    const key = keyOf(this.scripts.prefix, 'mark');
    const { commands } = this.connections;
    await commands.setnx(key, randomUUID().slice(0, 8));
    return (await commands.get(key)) ?? '';
  }

  private workerConnection(): RedisClient {
    return (this.forWorkers ??= this.connections.patient({ opened: true }));
  }
}
