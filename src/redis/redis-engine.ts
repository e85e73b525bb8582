import { randomUUID } from 'node:crypto';
import { systemClock } from '../base/clock.js';
import { settlesWithin } from '../base/disposal.js';
import { ErrandError, messageOf } from '../base/errors.js';
import { isWellFormed } from '../base/json.js';
import type { Answer, ClientNotice, ClientQuestion, ProgressState } from '../call/channel.js';
import type {
  Addition,
  AnswerResult,
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
  ScheduleRecord,
  Unwatch,
  Settlement,
  Watched,
} from '../docket/engine/engine.js';
import type { BrowseQuery, DocketStats, SummaryPage, WorkerSummary } from '../docket/engine/queries.js';
import type { ExecutionEnd, ExecutionRecord, Question } from '../docket/engine/record.js';
import type { OnError } from '../docket/engine/watchers.js';
import { Meters } from '../telemetry/meters.js';
import { RedisConnections } from './connection/connections.js';
import type { RedisClient } from './connection/open-redis.js';
import type { RedisTls } from './connection/tls.js';
import { Inbox, inboxSilence } from './events/inbox.js';
import { Damages, damaged, isDamage } from './damage.js';
import { keyOf, keyParts, mendable, prefixOf } from './keys.js';
import { lua } from './lua/bundle.js';
import { WaitingList } from './queue/waiting-list.js';
import { connectionIdOf, nodeOf, Presence } from './events/presence.js';
import { limitArguments } from './codec.js';
import { RedisConsumer } from './queue/redis-consumer.js';
import { RedisExecutions } from './redis-executions.js';
import { RedisOverview } from './redis-overview.js';
import { RedisQuestions } from './redis-questions.js';
import { RedisRuns, type DoneJob, type FinishedRun } from './queue/redis-runs.js';
import { RedisSessions } from './events/redis-sessions.js';
import { RedisQuestionLeases } from './events/redis-question-leases.js';
import { bullMqSteps, untestedBullMq } from './queue/bullmq-steps.js';
import { Schedules } from './queue/schedules.js';
import { ScriptRunner, Scripts, type Argument, type Reply } from './connection/script-runner.js';
import { QueueJobs } from './queue/queue-jobs.js';
import { WorkerRegistry } from './events/worker-registry.js';
import type { BullMqSteps, LuaStep } from './lua/lua-step.js';

/** How long the key written by a health check stays in Redis, in milliseconds. */
const healthTtl = 10_000;

/** How many names are tried as those of damaged values. */
const mostNames = 100;

/** Calls that failed because of a damaged value are made again if one was removed within this time, in milliseconds. */
const mendingTime = 2_000;

/** Options of the Redis engine: which docket, and how to reach its Redis. */
export interface RedisEngineOptions {
  /**
   * `redis://user:password@host:6379/0`, `unix:///path/redis.sock?db=0`, `redis+cluster://host:7000,host:7001` or
   * `redis+sentinel://host:26379,host:26380/master/0`. For TLS, write `rediss` instead of `redis`.
   */
  readonly url: string;
  /** Options of the TLS connection. Default: those of Node.js. */
  readonly tls?: RedisTls | undefined;
  /** Name of the docket in that Redis. */
  readonly name: string;
  /** How long the start, and later each command, may take, in milliseconds. Default 5,000. */
  readonly deadline?: number;
  /** How long a dead worker keeps its executions from others, in milliseconds. Default 10,000. */
  readonly lease?: number;
  /** Receives errors thrown by listeners and handlers, and errors of Redis that no caller waits for. Default: they are dropped. */
  readonly onError?: OnError;
  /** Called for each connection that was lost and restored. */
  readonly onReconnect?: () => void;
  /** Receives warnings for people to read, such as a Redis that may evict tasks. Default: they are dropped. */
  readonly onWarning?: (warning: string) => void;
  /** Counts what the engine has to leave out. Default: nobody does. */
  readonly meters?: Meters;
  /**
   * BullMQ's own scripts, to run within ours; undefined to use only BullMQ's public interface. Default: those of the installed
   * version, if they were tested.
   */
  readonly bullmq?: BullMqSteps | undefined;
}

/**
 * The engine for several processes. Records, questions and events are ours, and each transition is one script. BullMQ keeps
 * the waiting list: it decides which execution is next and recovers those of dead workers. All times are those of Redis.
 */
export class RedisEngine implements Engine {
  readonly kind = 'redis';
  readonly sessions: RedisSessions;
  readonly questionLeases: RedisQuestionLeases;

  private readonly node = randomUUID();
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
  private readonly asked: RedisQuestions;
  private readonly overview: RedisOverview;
  private readonly damages: Damages;
  /** When damaged values were last removed. */
  private mended = -Infinity;
  private readonly consumers = new Set<RedisConsumer>();
  /** Runs of this process that are settled but have not ended. */
  private readonly settled = new Set<string>();
  private readonly closeListeners = new Set<() => void>();
  /** Shared by all workers of the process. Each has another connection, on which it waits for jobs. */
  private forWorkers?: RedisClient;
  private workerScripts?: ScriptRunner;
  private readonly timetables: Schedules;
  private requests = 0;
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
    this.damages = new Damages(this.report, meters);
    const mend = (names: readonly string[]): Promise<boolean> => this.mend(names);
    this.scripts = new ScriptRunner(this.connections.commands, prefixOf(name), scripts, mend);
    this.timetables = new Schedules(this.scripts, this.damages, this.report);
    this.healthKey = keyOf(this.scripts.prefix, 'health');
    this.registry = new WorkerRegistry(this.scripts, 3 * lease, this.report, this.damages);
    this.reader = this.connections.patient({ silence: inboxSilence });
    this.inbox = new Inbox(this.node, this.scripts, this.reader, {
      revoked: (run, why) => {
        for (const consumer of this.consumers) consumer.revoke(run, why);
      },
      current: async (key) => {
        const [record, questions] = await Promise.all([this.get(key), this.questions(key)]);
        return record && { record, questions };
      },
      openTasks: (session) => this.sessions.openTasks(session),
      session: (message) => this.sessions.receive(message),
      leaseLost: (message) => this.questionLeases.receive(message),
      dropped: (kind, count) => meters.count('messagesDropped', { 'errand.message.kind': kind }, count),
      refresh: () => this.sessions.refresh(),
      report: this.report,
    });
    this.presence = new Presence(this.node, this.scripts, lease, this.report);
    const run = (step: LuaStep, ...args: readonly Argument[]): Promise<Reply> =>
      this.guard(() => this.scripts.run(step, ...args));
    const watch = (session: string): Promise<Unwatch> => this.watch({ session }, () => undefined);
    const { node, presence, report } = this;
    this.waitingList = new WaitingList(report);
    const workers = (): ScriptRunner =>
      (this.workerScripts ??= new ScriptRunner(this.workerConnection(), this.scripts.prefix, scripts, mend));
    const request = (): string => this.request();
    const { expected } = this.inbox.ends;
    const { waitingList } = this;
    this.executions = new RedisExecutions({ node, waitingList, expected, run, request });
    this.runs = new RedisRuns({ node, waitingList, lease, run, workers, request, report });
    this.asked = new RedisQuestions({ waitingList, run, request });
    this.overview = new RedisOverview({ run, damages: this.damages });
    this.sessions = new RedisSessions({ run, watch, presence, report });
    this.questionLeases = new RedisQuestionLeases({ run, presence });
  }

  start(): Promise<void> {
    this.starting ??= this.open();
    return this.closing ? Promise.reject(closed()) : this.starting;
  }

  close(): Promise<void> {
    this.closing ??= this.shutDown();
    return this.closing;
  }

  async health(): Promise<Health> {
    const before = performance.now();
    try {
      // A write, since a full Redis or a replica still answers PING.
      const { commands } = this.connections;
      await this.guard(() => this.connections.probe(() => commands.set(this.healthKey, '1', 'PX', healthTtl)));
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
    return connectionIdOf(this.node, ++this.lastConnection);
  }

  add(execution: NewExecution, limit = Infinity): Promise<Addition> {
    return this.executions.add(execution, limit, false);
  }

  replace(execution: NewExecution): Promise<Addition> {
    return this.executions.add(execution, Infinity, true);
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
    return this.guard(() => this.registry.list());
  }

  retry(key: string): Promise<Retried> {
    return this.executions.retry(key);
  }

  cancel(key: string, reason?: string, generation?: number): Promise<CancelResult> {
    return this.executions.cancel(key, reason, generation);
  }

  async watch(of: Watched, listener: (event: EngineEvent) => void, gone?: () => void): Promise<Unwatch> {
    return this.guard(() => this.inbox.watch(of, listener, gone));
  }

  watchEnd(key: string, listener: (end: ExecutionEnd | undefined) => void, generation?: number): Promise<EndWatch> {
    return this.guard(() => this.inbox.ends.watch(key, listener, generation));
  }

  async schedule(schedule: NewSchedule): Promise<ScheduleRecord> {
    const [record, wait] = await this.guard(() => this.timetables.set(schedule));
    this.waitingList.checkDueIn(wait);
    return record;
  }

  unschedule(id: string): Promise<boolean> {
    return this.guard(() => this.timetables.delete(id));
  }

  schedules(): Promise<readonly ScheduleRecord[]> {
    return this.guard(() => this.timetables.list());
  }

  consume(options: ConsumeOptions, handler: DeliveryHandler): Consumer {
    if (this.closing) throw closed();
    const intake = {
      id: randomUUID(),
      worker: options.worker,
      ...(options.components && { components: new Set(options.components) }),
      limits: limitArguments(options.limits),
    };
    const consumer: RedisConsumer = new RedisConsumer(options, handler, {
      prefix: this.scripts.prefix,
      connection: this.workerConnection(),
      deadline: this.deadline,
      lease: this.lease,
      acquire: (job, run) => this.runs.acquire(job, run, intake),
      passOn: () => this.runs.passOn(),
      ...(this.bullmq && {
        acquireFirst: (lock: string, run: string) => this.runs.acquireFirst(lock, run, intake),
        acquireNext: (done: DoneJob, coming: string) => this.runs.acquireNext(done, coming, intake),
        finish: (finished: FinishedRun, done: DoneJob, coming: string) =>
          this.runs.finish(finished, done, coming, intake),
      }),
      releaseUnstarted: (delivery) => this.runs.releaseUnstarted(delivery),
      ended: async (delivery) => {
        if (!this.settled.delete(delivery.run)) await this.runs.releaseLost(delivery);
      },
      done: (done) => {
        this.consumers.delete(done);
        leave();
      },
      report: this.report,
    });
    const leave = this.registry.join(options, () => consumer.load);
    this.consumers.add(consumer);
    return consumer;
  }

  async settle(key: string, run: string, settlement: Settlement, over = false): Promise<boolean> {
    const consumer = [...this.consumers].find((each) => each.has(run));
    const finished =
      over && settlement.type === 'finish' && settlement.lost !== true
        ? consumer?.finish({ key, run, settlement })
        : undefined;
    const accepted = await (finished ?? this.runs.settle(key, run, settlement));
    if (accepted && consumer?.has(run)) this.settled.add(run);
    return accepted;
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

  answer(key: string, question: string, answer: Answer, session?: string): Promise<AnswerResult> {
    return this.asked.answer(key, question, answer, session);
  }

  questions(key: string): Promise<readonly Question[]> {
    return this.asked.list(key);
  }

  private async open(): Promise<void> {
    await this.connections.start();
    const { commands } = this.connections;
    const jobs = new QueueJobs(this.scripts, commands, this.timetables, this.report, (names) => this.mend(names));
    try {
      // Before anything fails because of it. A Redis that refuses it is reported below.
      await this.mend([]).catch(() => false);
      await jobs.ready();
      const mark = keyOf(this.scripts.prefix, 'mark');
      await commands.setnx(mark, randomUUID().slice(0, 8));
      this.overview.open((await commands.get(mark)) ?? '');
      await this.connections.connect(this.reader);
      await this.inbox.open();
      await this.presence.open();
      for (const redis of [commands, this.reader]) redis.on('ready', () => this.inbox.reconnected());
    } catch (error) {
      // A Redis that refuses writes is reached all the same. No connection may keep a process alive that did not start.
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
    await this.connections.close();
  }

  private async tidyUp(): Promise<void> {
    await Promise.allSettled([...this.consumers].map((consumer) => consumer.close()));
    await Promise.allSettled([
      this.registry.close(),
      this.inbox.close(),
      this.presence.close(),
      this.waitingList.close(),
    ]);
  }

  private workerConnection(): RedisClient {
    return (this.forWorkers ??= this.connections.patient({ opened: true }));
  }

  /** Returns a new request id, so that a command sent twice is recognised. */
  private request(): string {
    return `${this.node}.${++this.requests}`;
  }

  private async guard<T>(command: () => Promise<T>): Promise<T> {
    if (this.closing) throw closed();
    try {
      return await command();
    } catch (error) {
      if (isDamage(error)) throw damaged(error);
      throw ErrandError.is(error) ? error : this.connections.unavailable(error);
    }
  }

  /** Removes damaged values that keep steps with these names from running. */
  private async mend(names: readonly string[]): Promise<boolean> {
    const all = names.flatMap((name) => (name.includes('/') ? [name, nodeOf(name)] : [name])).slice(0, mostNames);
    const removed = (await this.scripts.run(lua.damage.mend, JSON.stringify(mendable), ...all)) as [string, string][];
    for (const [key, type] of removed) this.damages.removed(key, type);
    if (removed.length > 0) this.mended = performance.now();
    // In each process that meets the loss; one that does not sets its own at its start.
    if (removed.some(([key]) => key === keyParts.schedules)) await this.timetables.restore();
    // Another call may have removed what this one met.
    return performance.now() - this.mended < mendingTime;
  }
}

const closed = (): ErrandError =>
  new ErrandError('DOCKET_UNAVAILABLE', 'The Redis engine is closed. Create a new one, or close the server last.');
