import { createServer, injectable, job, Logger, type ErrandServer } from 'errand';

/** A job that does nothing, so that what is measured is the way to it and back. */
@injectable()
export class NoopJobs {
  @job()
  noop(): void {
    // Nothing.
  }
}

/** How the two contenders are reached, in this process and in the worker's. */
export interface Place {
  /** Of the Redis of this run. */
  readonly url: string;
  /** Of the docket, or of BullMQ's queue. */
  readonly name: string;
}

/** A server on the docket of `place` that makes no calls itself. */
export function noopServer({ url, name }: Place): ErrandServer {
  return createServer({
    name: 'bench',
    version: '1.0.0',
    components: [NoopJobs],
    docket: { url, name, worker: false },
    logger: new Logger(() => undefined),
  });
}
