import { hostname } from 'node:os';
import { longestTimer } from '../base/clock.js';
import { ErrandError, withoutPassword } from '../base/errors.js';
import { readingOf, type Reading } from '../telemetry/meters.js';
import type { CallFrame } from '../call/frame.js';
import type { Catalog } from '../components/catalog.js';
import type { Engine } from '../docket/engine/engine.js';
import { SealedEngine } from '../docket/sealing/sealed-engine.js';
import { Sealer } from '../docket/sealing/sealer.js';
import { MemoryEngine } from '../docket/memory/memory-engine.js';
import { Worker } from '../docket/worker/worker.js';
import { makeRedisEngine, withCaFile } from '../redis/open-engine.js';
import { TaskChannel } from '../tasks/task-channel.js';
import type { ServerHealth } from '../telemetry/health.js';
import { callSettings, type ResolvedOptions } from './options.js';
import type { MonitorOptions } from './telemetry/monitor.js';
import { TroubleLog } from './trouble-log.js';

/** A worker that was started by hand. */
export interface RunningWorker {
  /** How it is called in logs. */
  readonly name: string;
  /** Hands back what is under way and takes nothing more. */
  stop(): Promise<void>;
}

/** How a worker differs from what the server's options say. */
export interface WorkerOptions {
  /** How it is called in logs. Default: the machine and the process. */
  readonly name?: string;
  /** How many calls it makes at once; calls that wait for an answer do not count. Default: `docket.concurrency`. */
  readonly concurrency?: number;
}

/** Options of `server.work`. */
export interface WorkOptions extends WorkerOptions {
  /** The Redis of the docket, whatever `docket.url` and the environment say. */
  readonly docketUrl?: string;
  /** Where health and metrics are told, from before the worker takes anything. Default: nowhere. */
  readonly monitor?: MonitorOptions;
}

/** The background half of a server: its engine and the workers of this process. Servers without one never load this. */
export class Background {
  private readonly workers = new Set<Worker>();
  private readonly alive = new Set<NodeJS.Timeout>();
  private looking: Promise<ServerHealth> | undefined;
  private warned = false;

  private constructor(
    readonly engine: Engine,
    private readonly options: ResolvedOptions,
    private readonly catalog: Catalog<CallFrame>,
  ) {}

  /** @throws {ErrandError} `DOCKET_URL`, `DOCKET_PEER`, `DOCKET_UNAVAILABLE` */
  static async start(options: ResolvedOptions, catalog: Catalog<CallFrame>): Promise<Background> {
    const engine = await makeEngine(options);
    await engine.start();
    const background = new Background(engine, options, catalog);
    options.meters.observe(() => background.levelsOfWorkers());
    options.meters.observe(() => background.levelsOfDocket());
    if (options.docket.worker) background.startWorker();
    return background;
  }

  /** Says once, as soon as there are clients, that nobody will do what they ask for. */
  warnOfNoWorker(): void {
    const { docket, logger } = this.options;
    if (this.warned || this.workers.size > 0 || !docket.url.startsWith('memory:')) return;
    this.warned = true;
    logger.warning(
      'The docket is in memory and docket.worker is false: tasks wait until startWorker() is called. Name a Redis by ERRAND_DOCKET_URL or docket.url, or leave docket.worker out.',
    );
  }

  private startWorker({ name = `${hostname()}:${process.pid}`, concurrency }: WorkerOptions = {}): Worker {
    const { engine, catalog, options } = this;
    const { docket, meters } = options;
    const { limits } = docket;
    const worker = new Worker(name, concurrency ?? docket.concurrency, engine, {
      ...callSettings(options),
      catalog,
      limits,
      strays: options.strays,
      version: options.version,
      taskChannel: (delivery) => new TaskChannel(engine, delivery, limits.questions, meters),
    });
    this.workers.add(worker);
    return worker;
  }

  /**
   * A worker that somebody wanted keeps the process alive until it is stopped; the embedded one lives with its server.
   *
   * @param where - the method that was called, for messages
   * @throws {ErrandError} `OPTIONS_INVALID`
   */
  startWorkerByHand(options: WorkerOptions = {}, where = 'startWorker'): RunningWorker {
    const { name, concurrency = 1 } = options;
    if (name?.trim() === '') {
      throw new ErrandError('OPTIONS_INVALID', `${where}: name is empty. Give one that logs can show, or none.`);
    }
    if (!Number.isSafeInteger(concurrency) || concurrency < 1) {
      throw new ErrandError(
        'OPTIONS_INVALID',
        `${where}: concurrency is ${String(concurrency)}. Give a whole number of at least 1.`,
      );
    }
    const worker = this.startWorker(options);
    this.tell(worker);
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

  /** Whether the docket takes executions now. Many who ask at once make one look. */
  health(): Promise<ServerHealth> {
    this.looking ??= this.look().finally(() => (this.looking = undefined));
    return this.looking;
  }

  private async look(): Promise<ServerHealth> {
    const { ok, reason, latency } = await this.engine.health();
    return {
      status: ok ? 'ok' : 'unhealthy',
      ...(reason !== undefined && { reason }),
      ...(latency !== undefined && { latency }),
    };
  }

  private levelsOfWorkers(): readonly Reading[] {
    return [...this.workers].flatMap(({ name, concurrency, load }) => [
      readingOf('workerSlots', concurrency, { 'errand.worker': name }),
      readingOf('workerRunning', load.running, { 'errand.worker': name }),
      readingOf('workerWaiting', load.waiting, { 'errand.worker': name }),
    ]);
  }

  private async levelsOfDocket(): Promise<readonly Reading[]> {
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

  /** One line that says what was started, for whoever reads the log of a fleet. */
  private tell({ name, concurrency }: Worker): void {
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

  /** Hands back what is under way. What is added from here on waits for another worker. */
  async stopWorkers(): Promise<void> {
    for (const timer of this.alive) clearInterval(timer);
    this.alive.clear();
    await Promise.all([...this.workers].map((worker) => worker.stop()));
  }
}

/**
 * The engine that the options name, not started yet.
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

async function makePlainEngine({ name, docket, docketCa, clock, logger, meters }: ResolvedOptions): Promise<Engine> {
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
    const { lease } = docket;
    return makeRedisEngine({ url, tls, name: docket.name ?? name, lease, onError, onReconnect, onWarning });
  }
  throw new ErrandError(
    'DOCKET_URL',
    `docket.url, or ERRAND_DOCKET_URL, is '${withoutPassword(url)}'. Give redis:// or rediss:// with the host of a Redis (+cluster, +sentinel), unix:// with its socket, or memory://.`,
  );
}
