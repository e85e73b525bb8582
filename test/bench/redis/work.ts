import { Context, createServer, CurrentExecution, injectable, job, Logger, tool, type ErrandServer } from 'errand';
import { z } from 'zod';

/** Milliseconds by a clock that all processes of a machine share. */
export const clock = (): number => Number(process.hrtime.bigint()) / 1e6;

/** Work that takes no time, so that what is measured is the way to it and back. */
@injectable()
export class BenchJobs {
  @job()
  noop(): void {
    // Nothing.
  }

  /** When it began. */
  @job()
  stamp(): number {
    return clock();
  }

  /** Tells its process that it holds its execution, and does so until it is killed; then when the next run began. */
  @job()
  hold(execution: CurrentExecution): Promise<number> | number {
    if (execution.redelivered) return clock();
    process.send?.('holding');
    return new Promise(() => undefined);
  }
}

@injectable()
export class BenchTools {
  /** When it went on after its question was answered. */
  @tool({ description: 'Asks', task: 'required' })
  async ask(ctx: Context): Promise<{ at: number }> {
    await ctx.elicit('Go on?', z.boolean());
    return { at: clock() };
  }
}

/** How a docket, or a queue of BullMQ, is reached from this process and from its workers. */
export interface Place {
  /** Of the Redis of this run. */
  readonly url: string;
  /** Of the docket or queue. */
  readonly name: string;
  /** Of a docket: how long a worker that has died keeps its executions, in milliseconds. Default: the default of dockets. */
  readonly lease?: number;
}

/** A server on the docket of `place` that makes no calls itself. */
export function benchServer(place: Place): ErrandServer {
  return createServer({
    name: 'bench',
    version: '1.0.0',
    components: [BenchJobs, BenchTools],
    docket: { ...place, worker: false, limits: { openTasks: 20_000 } },
    logger: new Logger(() => undefined),
  });
}
