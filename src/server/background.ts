import { hostname } from 'node:os';
import { ErrandError } from '../base/errors.js';
import type { CallFrame } from '../call/frame.js';
import type { Catalog } from '../components/catalog.js';
import type { Engine } from '../docket/engine.js';
import { MemoryEngine } from '../docket/memory-engine.js';
import { Worker } from '../docket/worker.js';
import { TaskChannel } from '../tasks/task-channel.js';
import { callSettings, type ResolvedOptions } from './options.js';

/** A worker that was started by hand. */
export interface RunningWorker {
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

/** The background half of a server: its engine and the workers of this process. Servers without one never load this. */
export class Background {
  private readonly workers = new Set<Worker>();

  private constructor(
    readonly engine: Engine,
    private readonly options: ResolvedOptions,
    private readonly catalog: Catalog<CallFrame>,
  ) {}

  /** @throws {ErrandError} `DOCKET_URL` */
  static async start(options: ResolvedOptions, catalog: Catalog<CallFrame>): Promise<Background> {
    const engine = makeEngine(options);
    await engine.start();
    const background = new Background(engine, options, catalog);
    if (options.docket.worker) background.startWorker();
    return background;
  }

  startWorker({ name = `${hostname()}:${process.pid}`, concurrency }: WorkerOptions = {}): RunningWorker {
    const { engine, catalog, options } = this;
    const worker = new Worker(name, concurrency ?? options.docket.concurrency, engine, {
      ...callSettings(options),
      catalog,
      taskChannel: (delivery) => new TaskChannel(engine, delivery, options.clock),
    });
    this.workers.add(worker);
    return {
      stop: async () => {
        this.workers.delete(worker);
        await worker.stop();
      },
    };
  }

  /** Hands back what is under way. What is added from here on waits for another worker. */
  async stopWorkers(): Promise<void> {
    await Promise.all([...this.workers].map((worker) => worker.stop()));
    this.workers.clear();
  }

  async close(): Promise<void> {
    await this.stopWorkers();
    await this.engine.close();
  }
}

function makeEngine({ docket, clock, logger }: ResolvedOptions): Engine {
  if (docket.url.startsWith('memory://')) {
    return new MemoryEngine({ clock, onError: (error) => logger.error('A watcher of the docket failed', { error }) });
  }
  throw new ErrandError(
    'DOCKET_URL',
    `docket.url is '${docket.url.replace(/\/\/.*@/, '//…@')}', but this version has the engine memory:// only.`,
  );
}
