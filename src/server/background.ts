import { hostname } from 'node:os';
import { longestTimer } from '../base/clock.js';
import { ErrandError, withoutPassword } from '../base/errors.js';
import { Rarely } from '../base/rarely.js';
import { unknownOption } from '../base/read-options.js';
import { readingOf, type Reading } from '../telemetry/meters.js';
import type { CallFrame } from '../call/frame.js';
import type { Catalog } from '../components/catalog.js';
import type { Engine } from '../docket/engine/engine.js';
import { SealedEngine } from '../docket/sealing/sealed-engine.js';
import { Sealer } from '../docket/sealing/sealer.js';
import { MemoryEngine } from '../docket/memory/memory-engine.js';
import { unknownLineInterval, Worker } from '../docket/worker/worker.js';
import { makeRedisEngine, withCaFile } from '../redis/open-engine.js';
import { TaskChannel } from '../tasks/task-channel.js';
import type { ServerHealth } from '../telemetry/health.js';
import { callSettings, type ResolvedOptions } from './options.js';
import type { MonitorOptions } from './telemetry/monitor.js';
import { TroubleLog } from './trouble-log.js';

/** A worker started by `startWorker`. */
export interface RunningWorker {
  /** Name of the worker in logs. */
  readonly name: string;
  /** Stops taking executions and releases those that are running. */
  stop(): Promise<void>;
}

/** Options of one worker, which override those of the server. */
export interface WorkerOptions {
  /** Name of the worker in logs and metrics. Default: `docket.workerName`, or else host name and process id. */
  readonly name?: string;
  /** How many calls it runs at once, not counting calls that wait for an answer. Default: `docket.concurrency`. */
  readonly concurrency?: number;
}

const workerOptions: readonly string[] = ['name', 'concurrency'] satisfies (keyof WorkerOptions)[];

/** Options of `server.work`. */
export interface WorkOptions extends WorkerOptions {
  /** The Redis of the docket, whatever `docket.url` and the environment say. */
  readonly docketUrl?: string;
  /** Serves health and metrics, from before the worker takes any work. Default: not served. */
  readonly monitor?: MonitorOptions;
}

/** The background half of a server: its engine and the workers of this process. Servers without one never load this. */
export class Background {
  private readonly workers = new Set<Worker>();
  private readonly alive = new Set<NodeJS.Timeout>();
  private checking: Promise<ServerHealth> | undefined;
  private readonly unknownLines = new Rarely(unknownLineInterval);
  private warned = false;

  private constructor(
    readonly engine: Engine,
    private readonly options: ResolvedOptions,
    private readonly catalog: Catalog<CallFrame>,
    /** Whether this process serves clients as well. */
    private readonly serves: () => boolean,
  ) {}

  /** @throws {ErrandError} `DOCKET_URL`, `DOCKET_PEER`, `DOCKET_UNAVAILABLE` */
  static async start(
    options: ResolvedOptions,
    catalog: Catalog<CallFrame>,
    serves: () => boolean,
  ): Promise<Background> {
    const engine = await makeEngine(options);
    await engine.start();
    const background = new Background(engine, options, catalog, serves);
    background.warnOfMinifiedNames();
    options.meters.observe(() => background.workerReadings());
    options.meters.observe(() => background.docketReadings());
    return background;
  }

  /** Starts the worker of this process, if it is to have one, once the server is ready for calls. */
  startEmbedded(): void {
    if (this.options.docket.worker) this.startWorker();
  }

  /** Warns once, when the first client comes, that no worker will run its tasks. */
  warnOfNoWorker(): void {
    const { docket, logger } = this.options;
    if (this.warned || this.workers.size > 0 || !docket.url.startsWith('memory:')) return;
    this.warned = true;
    logger.warning(
      'The docket is in memory and docket.worker is false: tasks wait until startWorker() is called. Set ERRAND_DOCKET_URL or docket.url to a Redis, or omit docket.worker.',
    );
  }

  /** Records in Redis outlive a build, whose minifier may rename a class each time. */
  private warnOfMinifiedNames(): void {
    const { minifiedJobs: jobs } = this.catalog;
    if (jobs.length === 0 || this.options.docket.url.startsWith('memory:')) return;
    this.options.logger.warning(
      'Jobs are named after classes that a minifier has renamed, so another build may not find their executions. Set `name` in @job.',
      { jobs },
    );
  }

  private startWorker({ name, concurrency }: WorkerOptions = {}): Worker {
    const { engine, catalog, options } = this;
    const { docket, meters, logger } = options;
    const { limits } = docket;
    const usual = docket.workerName ?? `${hostname()}:${process.pid}`;
    const worker = new Worker(name ?? usual, concurrency ?? docket.concurrency, engine, {
      ...callSettings(options),
      catalog,
      limits,
      strays: options.strays,
      unknownLines: this.unknownLines,
      sharesProcess: () => this.workers.size > 1 || this.serves(),
      version: options.version,
      taskChannel: (delivery) => new TaskChannel(engine, delivery, limits.questions, meters, logger),
    });
    this.workers.add(worker);
    return worker;
  }

  /**
   * Starts a worker that keeps the process alive until it is stopped. The embedded worker does not: it lives with its server.
   *
   * @param where - the method that was called, for messages
   * @throws {ErrandError} `OPTIONS_INVALID`
   */
  startWorkerByHand(options: WorkerOptions = {}, where = 'startWorker'): RunningWorker {
    const unknown = Object.keys(options).find((option) => !workerOptions.includes(option));
    if (unknown !== undefined) {
      throw new ErrandError('OPTIONS_INVALID', `${where}: ${unknownOption(unknown, workerOptions)}.`);
    }
    const { name, concurrency = 1 } = options;
    if (name?.trim() === '') {
      throw new ErrandError('OPTIONS_INVALID', `${where}: name is empty. Pass a name for the logs, or none.`);
    }
    if (!Number.isSafeInteger(concurrency) || concurrency < 1) {
      throw new ErrandError(
        'OPTIONS_INVALID',
        `${where}: concurrency is ${String(concurrency)}. Give a whole number of at least 1.`,
      );
    }
    const worker = this.startWorker(options);
    this.logStart(worker);
    const alive = setInterval(() => undefined, longestTimer);
    this.alive.add(alive);
    return {
      name: worker.name,
      stop: () => {
        clearInterval(alive);
        this.alive.delete(alive);
        return this.stopWorker(worker);
      },
    };
  }

  /** Checks whether the docket accepts executions. Concurrent callers share one check. */
  health(): Promise<ServerHealth> {
    this.checking ??= this.checkHealth().finally(() => (this.checking = undefined));
    return this.checking;
  }

  private async checkHealth(): Promise<ServerHealth> {
    const { ok, reason, latency } = await this.engine.health();
    return {
      status: ok ? 'ok' : 'unhealthy',
      ...(reason !== undefined && { reason }),
      ...(latency !== undefined && { latency }),
    };
  }

  private workerReadings(): readonly Reading[] {
    return [...this.workers].flatMap(({ name, concurrency, load }) => [
      readingOf('workerSlots', concurrency, { 'errand.worker': name }),
      readingOf('workerRunning', load.running, { 'errand.worker': name }),
      readingOf('workerWaiting', load.waiting, { 'errand.worker': name }),
    ]);
  }

  private async docketReadings(): Promise<readonly Reading[]> {
    const { states, openQuestions, oldestWaiting = 0, workers } = await this.engine.stats();
    return [
      ...Object.entries(states).map(([state, count]) =>
        readingOf('docketExecutions', count, { 'errand.state': state }),
      ),
      readingOf('docketQuestions', openQuestions, {}),
      readingOf('docketOldestWait', oldestWaiting / 1_000, {}),
      readingOf('docketWorkers', workers, {}),
    ];
  }

  /** Logs what was started, for readers of a fleet's logs. */
  private logStart({ name, concurrency }: Worker): void {
    const { docket, name: server, logger } = this.options;
    logger.info('A worker has started', {
      worker: name,
      docket: docket.name ?? server,
      url: withoutPassword(docket.url),
      concurrency,
      components: this.catalog.background,
    });
  }

  private async stopWorker(worker: Worker): Promise<void> {
    await worker.stop();
    this.workers.delete(worker);
  }

  /** Stops all workers and releases their running executions. Later executions wait for another worker. */
  async stopWorkers(): Promise<void> {
    for (const timer of this.alive) clearInterval(timer);
    this.alive.clear();
    await Promise.all([...this.workers].map((worker) => worker.stop()));
  }
}

/**
 * Creates the engine that the options name, without starting it.
 *
 * @throws {ErrandError} `DOCKET_URL`, `DOCKET_PEER`
 */
export async function makeEngine(options: ResolvedOptions): Promise<Engine> {
  const { name, docket, logger } = options;
  const engine = await makePlainEngine(options);
  if (docket.encryptionKeys === undefined) return engine;
  const onError = (error: unknown): void => logger.error('A sealed value of the docket cannot be opened', { error });
  return new SealedEngine(engine, new Sealer(docket.encryptionKeys, docket.name ?? name), onError);
}

async function makePlainEngine(options: ResolvedOptions): Promise<Engine> {
  const { name, docket, docketCa, clock, logger, meters, onlyWorks: endsProcess } = options;
  const { url } = docket;
  if (url.startsWith('memory://')) {
    return new MemoryEngine({ clock, onError: (error) => logger.error('A watcher of the docket failed', { error }) });
  }
  if (/^(rediss?(\+[a-z]+)?|unix):/i.test(url)) {
    const trouble = new TroubleLog(logger, clock);
    const onError = (error: unknown): void => trouble.failed(error);
    const onReconnect = (): void => {
      meters.count('redisReconnected', {});
      trouble.reconnected();
    };
    const onWarning = (warning: string): void => logger.warning(warning);
    const tls = await withCaFile(url, docket.tls, docketCa);
    const { lease, maxBlock } = docket;
    const reports = { meters, onError, onReconnect, onWarning };
    return makeRedisEngine({ url, tls, name: docket.name ?? name, lease, maxBlock, endsProcess, ...reports });
  }
  throw new ErrandError(
    'DOCKET_URL',
    `docket.url, or ERRAND_DOCKET_URL, is '${withoutPassword(url)}'. Write redis:// or rediss:// with the host of a Redis (+cluster, +sentinel), unix:// with its socket, or memory://.`,
  );
}
