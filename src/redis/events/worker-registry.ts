import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { z } from 'zod';
import type { WorkerIdentity, WorkerSummary } from '../../docket/engine/queries.js';
import type { OnError } from '../../docket/engine/watchers.js';
import { parsed } from '../codec.js';
import type { Damages } from '../damage.js';
import type { ScriptRunner } from '../connection/script-runner.js';
import { lua } from '../lua/bundle.js';

/** The number of calls in a worker. */
interface Load {
  readonly running: number;
  readonly waiting: number;
}

/** Removes a worker from the registry. */
type Leave = () => void;

const Facts = z
  .string()
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue({ code: 'custom', message: 'Not JSON' });
      return z.NEVER;
    }
  })
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

/** Sends the heartbeats of this process's workers, and lists the workers of all processes. */
export class WorkerRegistry {
  private readonly heartbeats = new Map<string, () => Promise<void>>();
  private readonly leaving = new Set<Promise<unknown>>();
  private timer?: NodeJS.Timeout;
  /** Whether the last heartbeat failed. An outage is reported once. */
  private failing = false;

  constructor(
    private readonly scripts: ScriptRunner,
    /** How long a worker counts as alive without a heartbeat, in milliseconds. */
    private readonly ttl: number,
    private readonly report: OnError,
    private readonly damages: Damages,
  ) {}

  /** Adds a worker. Each heartbeat reports its current `load`. */
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
    let isKnown = false;
    let isSending = false;
    const sendHeartbeat = async (): Promise<void> => {
      // During an outage, only one heartbeat waits.
      if (isSending) return;
      isSending = true;
      try {
        const { running, waiting } = load();
        const description = isKnown ? '' : facts;
        const known = await this.scripts.run(lua.workers.heartbeat, id, this.ttl, running, waiting, description);
        isKnown = known === 1;
        this.failing = false;
      } catch (error) {
        isKnown = false;
        if (!this.failing) this.report(error);
        this.failing = true;
      } finally {
        isSending = false;
      }
    };
    this.heartbeats.set(id, sendHeartbeat);
    this.timer ??= setInterval(() => this.sendHeartbeats(), Math.ceil(this.ttl / 6)).unref();
    void sendHeartbeat();
    return () => {
      if (!this.heartbeats.delete(id)) return;
      // If this does not reach Redis, the worker expires there.
      const leaving = this.scripts
        .run(lua.workers.remove, id)
        .catch(() => undefined)
        .finally(() => this.leaving.delete(leaving));
      this.leaving.add(leaving);
    };
  }

  /** Lists the live workers of all processes, oldest first. */
  async list(): Promise<readonly WorkerSummary[]> {
    const rows = (await this.scripts.run(lua.workers.list)) as readonly unknown[];
    const read = (row: unknown): WorkerSummary => {
      const [id, startedAt, { version, ...facts }, running, waiting] = parsed(Row, row, 'a worker');
      const began = new Date(startedAt);
      return { id, startedAt: began, ...facts, running, waiting, ...(version !== undefined && { version }) };
    };
    const idOf = (row: unknown): string => String((row as readonly unknown[])[0]);
    return this.damages
      .readable('worker', rows, idOf, read)
      .sort((a, b) => a.startedAt.getTime() - b.startedAt.getTime());
  }

  /** Stops the heartbeats. Resolves when the removals have reached Redis. */
  async close(): Promise<void> {
    clearInterval(this.timer);
    await Promise.all(this.leaving);
  }

  private sendHeartbeats(): void {
    for (const sendHeartbeat of this.heartbeats.values()) void sendHeartbeat();
  }
}
