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
import { tooManyQuestions } from '../docket/engine/size-limits.js';
import type { BrowseQuery, DocketStats, SummaryPage, WorkerSummary } from '../docket/engine/queries.js';
import type { ExecutionEnd, ExecutionRecord, Question } from '../docket/engine/record.js';
import type { OnError } from '../docket/engine/watchers.js';
import { RedisConnections } from './connection/connections.js';
import type { RedisClient } from './connection/open-redis.js';
import type { RedisTls } from './connection/tls.js';
import { Inbox, inboxSilence } from './events/inbox.js';
import { keyOf, prefixOf } from './keys.js';
import { WaitingList } from './queue/waiting-list.js';
import { placeOf, Presence } from './events/presence.js';
import { limitArguments, questionIn, questionText } from './codec.js';
import { RedisConsumer } from './queue/redis-consumer.js';
import { RedisExecutions } from './redis-executions.js';
import { RedisOverview } from './redis-overview.js';
import { RedisRuns, type DoneTicket, type FinishedRun } from './queue/redis-runs.js';
import { RedisSessions } from './events/redis-sessions.js';
import { RedisQuestionLeases } from './events/redis-question-leases.js';
import { takesJobs } from './scripts/bring.js';
import { answerScript, askScript, questionsScript } from './scripts/questions.js';
import { Schedules } from './queue/schedules.js';
import { ScriptRunner, type Argument, type Reply, type Script } from './scripts/script.js';
import { QueueJobs } from './queue/queue-jobs.js';
import { WorkerRegistry } from './events/worker-registry.js';

/** How long what a look at the health writes stays in Redis, in milliseconds. */
const healthLife = 10_000;

/** Which docket, and how to reach its Redis. */
export interface RedisEngineOptions {
  /**
   * `redis://user:password@host:6379/0`, `unix:///path/redis.sock?db=0`, `redis+cluster://host:7000,host:7001` or
   * `redis+sentinel://host:26379,host:26380/master/0`; with `rediss` in the place of `redis` for TLS.
   */
  readonly url: string;
  /** How TLS trusts. Default: as Node.js does. */
  readonly tls?: RedisTls | undefined;
  /** Which docket of that Redis. */
  readonly name: string;
  /** How long a start, and later a command, may take, in milliseconds. Default 5,000. */
  readonly deadline?: number;
  /** How long a worker that has died keeps its executions from others, in milliseconds. Default 10,000. */
  readonly lease?: number;
  /** Takes what a listener or a handler throws, and what goes wrong with Redis where nobody waits. Default: it is dropped. */
  readonly onError?: OnError;
  /** Called for each connection that was lost and made again. */
  readonly onReconnect?: () => void;
  /** Takes what is not wrong yet, for people to read: a Redis that may forget tasks. Default: it is dropped. */
  readonly onWarning?: (warning: string) => void;
}

/**
 * The engine for several processes. Records, questions and events are ours, each transition one script; BullMQ keeps the
 * line: which execution is next, when, and what is to be taken from a worker that has died. The time of Redis decides.
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
  private readonly deadline: number;
  private readonly lease: number;
  private readonly reader: RedisClient;
  private readonly healthKey: string;
  private readonly registry: WorkerRegistry;
  private readonly line: WaitingList;
  private readonly executions: RedisExecutions;
  private readonly runs: RedisRuns;
  private readonly overview: RedisOverview;
  private readonly consumers = new Set<RedisConsumer>();
  /** Runs of this process that have a settlement and have not ended. */
  private readonly settled = new Set<string>();
  private readonly closeListeners = new Set<() => void>();
  /** All workers of the process share it; each has one more, on which it waits. */
  private forWorkers?: RedisClient;
  private workerScripts?: ScriptRunner;
  private readonly plans: Schedules;
  private requests = 0;
  private lastConnection = 0;
  private starting?: Promise<void>;
  private closing?: Promise<void>;

  /** @throws {ErrandError} `DOCKET_URL`, `DOCKET_TLS`, `OPTIONS_INVALID` */
  constructor(options: RedisEngineOptions) {
    const { url, tls, name, deadline = 5_000 } = options;
    // Redis counts in whole milliseconds.
    const lease = Math.ceil(options.lease ?? 10_000);
    const { onError = () => undefined, onReconnect = () => undefined, onWarning = () => undefined } = options;
    // What goes wrong because the engine closes is nobody's concern.
    this.report = (error) => (this.closing ? undefined : onError(error));
    this.deadline = deadline;
    if (!isWellFormed(name)) {
      throw new ErrandError(
        'OPTIONS_INVALID',
        'The name of the docket has half a character in it. Give it as whole text.',
      );
    }
    this.lease = lease;
    this.connections = new RedisConnections({ url, tls, deadline, onError: this.report, onReconnect, onWarning });
    this.scripts = new ScriptRunner(this.connections.commands, prefixOf(name));
    this.plans = new Schedules(this.scripts, this.report);
    this.healthKey = keyOf(this.scripts.prefix, 'health');
    this.registry = new WorkerRegistry(this.scripts, 3 * lease, this.report);
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
      session: (entry) => this.sessions.take(entry),
      taken: (entry) => this.questionLeases.take(entry),
      refresh: () => this.sessions.refresh(),
      report: this.report,
    });
    this.presence = new Presence(this.node, this.scripts, lease, this.report);
    const run = (script: Script, ...args: readonly Argument[]): Promise<Reply> =>
      this.guard(() => this.scripts.run(script, ...args));
    const watch = (session: string): Promise<Unwatch> => this.watch({ session }, () => undefined);
    const { node, presence, report } = this;
    this.line = new WaitingList(report);
    const workers = (): ScriptRunner =>
      (this.workerScripts ??= new ScriptRunner(this.workerConnection(), this.scripts.prefix));
    const request = (): string => this.request();
    const { expected } = this.inbox.ends;
    this.executions = new RedisExecutions({ node, line: this.line, expected, run, request });
    this.runs = new RedisRuns({ node, line: this.line, lease, run, workers, request, report });
    this.overview = new RedisOverview({ run, report });
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
      // A Redis that is full, or has become a replica, still answers to PING.
      const { commands } = this.connections;
      await this.guard(() => this.connections.look(() => commands.set(this.healthKey, '1', 'PX', healthLife)));
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
    return placeOf(this.node, ++this.lastConnection);
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
    const [record, wait] = await this.guard(() => this.plans.set(schedule));
    this.line.look(wait);
    return record;
  }

  unschedule(id: string): Promise<boolean> {
    return this.guard(() => this.plans.delete(id));
  }

  schedules(): Promise<readonly ScheduleRecord[]> {
    return this.guard(() => this.plans.list());
  }

  consume(options: ConsumeOptions, handler: DeliveryHandler): Consumer {
    if (this.closing) throw closed();
    const taking = { intake: randomUUID(), worker: options.worker, limits: limitArguments(options.limits) };
    const consumer: RedisConsumer = new RedisConsumer(options, handler, {
      prefix: this.scripts.prefix,
      connection: this.workerConnection(),
      deadline: this.deadline,
      lease: this.lease,
      claim: (ticket, run) => this.runs.claim(ticket, run, taking),
      passOn: () => this.runs.passOn(),
      ...(takesJobs && {
        take: (lock: string, run: string) => this.runs.take(lock, run, taking),
        next: (done: DoneTicket, coming: string) => this.runs.next(done, coming, taking),
        finish: (finished: FinishedRun, done: DoneTicket, coming: string) =>
          this.runs.finish(finished, done, coming, taking),
      }),
      unclaim: (delivery) => this.runs.unclaim(delivery),
      ended: async (delivery) => {
        if (!this.settled.delete(delivery.run)) await this.runs.vanish(delivery);
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

  beginAlone(key: string, run: string): Promise<void> {
    return this.runs.beginAlone(key, run);
  }

  exonerate(key: string, run: string): Promise<void> {
    return this.runs.exonerate(key, run);
  }

  progress(key: string, run: string, progress: ProgressState): Promise<boolean> {
    return this.runs.tell(key, run, 'progress', JSON.stringify(progress));
  }

  notify(key: string, run: string, notice: ClientNotice): Promise<boolean> {
    return this.runs.tell(key, run, 'notice', JSON.stringify(notice));
  }

  async ask(key: string, run: string, asked: ClientQuestion, limit = Infinity): Promise<Question | undefined> {
    const most = Number.isFinite(limit) ? limit : -1;
    const onDeadline = JSON.stringify(asked.onDeadline);
    const args = [key, run, asked.key, questionText(asked), asked.deadline, onDeadline, most];
    const [status, question, wait] = await this.run(askScript, ...args);
    if (status === 'limit') throw tooManyQuestions(limit);
    if (status === 'lost') return undefined;
    this.line.look(Number(wait));
    return questionIn(question);
  }

  async answer(key: string, question: string, answer: Answer, session?: string): Promise<AnswerResult> {
    const args = [this.request(), key, question, JSON.stringify(answer), ...(session === undefined ? [] : [session])];
    return (await this.guard(() => this.scripts.run(answerScript, ...args))) as AnswerResult;
  }

  async questions(key: string): Promise<readonly Question[]> {
    return (await this.run(questionsScript, key)).map(questionIn);
  }

  private async open(): Promise<void> {
    await this.connections.start();
    const { commands } = this.connections;
    const tickets = new QueueJobs(this.scripts, commands, this.plans, this.report);
    try {
      await tickets.ready();
      const mark = keyOf(this.scripts.prefix, 'mark');
      await commands.setnx(mark, randomUUID().slice(0, 8));
      this.overview.open((await commands.get(mark)) ?? '');
      await this.connections.reached(this.reader);
      await this.inbox.open();
      await this.presence.open();
      for (const redis of [commands, this.reader]) redis.on('ready', () => this.inbox.reconnected());
    } catch (error) {
      // Redis can be reached and lets nobody write: nothing may keep the process of a server that did not start.
      await this.connections.close();
      throw ErrandError.is(error) ? error : this.connections.refused(error);
    }
    this.line.open(tickets);
  }

  private async shutDown(): Promise<void> {
    for (const listener of this.closeListeners) listener();
    this.closeListeners.clear();
    const started = await this.starting?.then(
      () => true,
      () => false,
    );
    if (started) {
      // In an outage, what waits for Redis is given up.
      await settlesWithin(this.tidyUp(), this.deadline, systemClock);
    }
    await this.connections.close();
  }

  private async tidyUp(): Promise<void> {
    await Promise.allSettled([...this.consumers].map((consumer) => consumer.close()));
    await Promise.allSettled([this.registry.close(), this.inbox.close(), this.presence.close(), this.line.close()]);
  }

  private workerConnection(): RedisClient {
    return (this.forWorkers ??= this.connections.patient({ opened: true }));
  }

  /** Tells one wish from another, so that a command which is sent twice is seen to be the same. */
  private request(): string {
    return `${this.node}.${++this.requests}`;
  }

  /** A script whose reply is a list. */
  private async run(script: Script, ...args: readonly Argument[]): Promise<readonly Reply[]> {
    return (await this.guard(() => this.scripts.run(script, ...args))) as readonly Reply[];
  }

  private async guard<T>(work: () => Promise<T>): Promise<T> {
    if (this.closing) throw closed();
    try {
      return await work();
    } catch (error) {
      throw ErrandError.is(error) ? error : this.connections.unavailable(error);
    }
  }
}

const closed = (): ErrandError =>
  new ErrandError('DOCKET_UNAVAILABLE', 'The Redis engine is closed. Make a new one, or close the server last.');
