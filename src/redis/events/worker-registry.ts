import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { z } from 'zod';
import type { WorkerIdentity, WorkerSummary } from '../../docket/engine/queries.js';
import type { OnError } from '../../docket/engine/watchers.js';
import { parsed } from '../codec.js';
import type { ScriptRunner } from '../scripts/script.js';
import { workerGoneScript, workerSignScript, workersScript } from '../scripts/workers.js';

/** What is under way in a worker. */
interface Load {
  readonly running: number;
  readonly waiting: number;
}

/** Stops to tell of a worker. */
type Leave = () => void;

const Facts = z
  .string()
  .transform((text): unknown => JSON.parse(text))
  .pipe(
    z.object({
      name: z.string(),
      version: z.string().optional(),
      components: z.array(z.string()),
      host: z.string(),
      pid: z.number(),
      concurrency: z.number(),
    }),
  );

const Row = z.tuple([z.string(), z.coerce.number(), Facts, z.coerce.number(), z.coerce.number()]);

/** The workers of this process give signs of life, and whoever asks is told of those of all processes. */
export class WorkerRegistry {
  private readonly signs = new Map<string, () => Promise<void>>();
  private readonly leaving = new Set<Promise<unknown>>();
  private timer?: NodeJS.Timeout;
  /** Whether the last sign failed, which is reported once. */
  private failing = false;

  constructor(
    private readonly scripts: ScriptRunner,
    /** How long a worker is taken to live without a sign, in milliseconds. */
    private readonly life: number,
    private readonly report: OnError,
  ) {}

  /** Tells of a worker from now on; `load` is asked with each sign. */
  join({ worker, concurrency, version, components = [] }: WorkerIdentity, load: () => Load): Leave {
    const id = randomUUID();
    const facts = JSON.stringify({
      name: worker,
      version,
      components,
      host: hostname(),
      pid: process.pid,
      concurrency,
    });
    let told = false;
    let telling = false;
    const sign = async (): Promise<void> => {
      // While Redis is away, one sign waits and not one for each beat.
      if (telling) return;
      telling = true;
      try {
        const { running, waiting } = load();
        const known = await this.scripts.run(workerSignScript, id, this.life, running, waiting, told ? '' : facts);
        told = known === 1;
        this.failing = false;
      } catch (error) {
        told = false;
        if (!this.failing) this.report(error);
        this.failing = true;
      } finally {
        telling = false;
      }
    };
    this.signs.set(id, sign);
    this.timer ??= setInterval(() => this.giveSigns(), Math.ceil(this.life / 6)).unref();
    void sign();
    return () => {
      if (!this.signs.delete(id)) return;
      // What Redis is not told, it forgets by itself.
      const leaving = this.scripts
        .run(workerGoneScript, id)
        .catch(() => undefined)
        .finally(() => this.leaving.delete(leaving));
      this.leaving.add(leaving);
    };
  }

  /** The workers of all processes that live, in the order in which they began. */
  async list(): Promise<readonly WorkerSummary[]> {
    const rows = (await this.scripts.run(workersScript)) as readonly unknown[];
    return rows
      .map((row): WorkerSummary => {
        const [id, startedAt, { version, ...facts }, running, waiting] = parsed(Row, row, 'a worker');
        const began = new Date(startedAt);
        return { id, startedAt: began, ...facts, running, waiting, ...(version !== undefined && { version }) };
      })
      .sort((a, b) => a.startedAt.getTime() - b.startedAt.getTime());
  }

  /** Gives no more signs. Resolves when Redis knows who has left. */
  async close(): Promise<void> {
    clearInterval(this.timer);
    await Promise.all(this.leaving);
  }

  private giveSigns(): void {
    for (const sign of this.signs.values()) void sign();
  }
}
