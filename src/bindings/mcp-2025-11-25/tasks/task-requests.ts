import { z } from 'zod';
import { ErrandError } from '../../../base/errors.js';
import type { Logger } from '../../../base/logger.js';
import type { Engine, Unwatch } from '../../../docket/engine/engine.js';
import { auditFields, isTask, isTerminal, type ExecutionRecord } from '../../../docket/engine/record.js';
import { unknownExecution, waitForEnd } from '../../../docket/wait.js';
import { ProtocolError, rpcCode } from '../../../protocol/errors.js';
import type { RequestId } from '../../../protocol/json-rpc/messages.js';
import { dispatch } from '../../../tasks/relay.js';
import type { QuestionDelivery } from './question-delivery.js';
import { callerOf, type RequestExtra } from '../request-extra.js';
import type { Streams } from '../streams.js';
import type { TaskFeed } from './task-feed.js';
import { toTask, toTaskResult } from './task-view.js';
import { parseParams } from '../component-requests.js';

const TaskParams = z.object({ taskId: z.string() });
const ListParams = z.object({ cursor: z.string().optional() }).optional();

/** The number of tasks on a page of `tasks/list`. */
const pageSize = 50;

/** The `tasks/*` requests of one connection. */
export class TaskRequests {
  /** Tasks of other sessions that this connection watches because it has waited for them. */
  private readonly followed = new Map<string, Promise<Unwatch>>();

  constructor(
    private readonly engine: Engine,
    private readonly session: string,
    private readonly streams: Streams,
    private readonly delivery: QuestionDelivery,
    private readonly feed: TaskFeed,
    private readonly logger: Logger,
  ) {}

  /** The connection is gone. */
  close(): void {
    for (const key of this.followed.keys()) this.unfollow(key);
  }

  /** `tasks/get` */
  async get(params: unknown, extra: RequestExtra): Promise<object> {
    return toTask(await this.owned(params, extra));
  }

  /** `tasks/cancel`: the task is cancelled before the response goes out. */
  async cancel(params: unknown, extra: RequestExtra): Promise<object> {
    const { key } = await this.owned(params, extra);
    const result = await this.engine.cancel(key, 'Cancelled by the client');
    const record = await this.engine.get(key);
    if (result === 'unknown' || record === undefined) throw notFound(key);
    if (result === 'terminal') {
      throw new ProtocolError(
        rpcCode.invalidParams,
        `Cannot cancel task '${key}': it is already ${toTask(record).status}`,
      );
    }
    this.logger.info('A task was cancelled by its client', auditFields(record));
    return toTask(record);
  }

  /** `tasks/list` */
  async list(params: unknown, extra: RequestExtra): Promise<object> {
    const { cursor } = parseParams(ListParams, params, 'tasks/list') ?? {};
    const owner = callerOf(extra).principal.id;
    try {
      const { records, nextCursor } = await this.engine.list({
        owner,
        limit: pageSize,
        ...(cursor !== undefined && { cursor }),
      });
      return { tasks: records.map(toTask), ...(nextCursor !== undefined && { nextCursor }) };
    } catch (error) {
      if (ErrandError.is(error, 'CURSOR_INVALID')) throw new ProtocolError(rpcCode.invalidParams, 'Invalid cursor');
      throw error;
    }
  }

  /** `tasks/result`: waits for the end of the task, and carries its questions meanwhile. */
  async result(params: unknown, extra: RequestExtra): Promise<object> {
    const { requestId, signal } = extra;
    const abandoned = new AbortController();
    const abandon = (): void =>
      abandoned.abort(new ProtocolError(rpcCode.internalError, 'The client no longer waits for this result'));
    let isDropped = false;
    // Listens before it reads: a client that gives up while the record is read is shown nothing.
    signal.addEventListener('abort', abandon, { once: true });
    // A connection may close before its last request is handled.
    if (signal.aborted) abandon();
    const forgetDrop = this.streams.onDropped(requestId, () => {
      isDropped = true;
      abandon();
    });
    try {
      const record = await this.owned(params, extra);
      const ended = isTerminal(record.state)
        ? record
        : await this.wait(record, requestId, abandoned.signal, () => isDropped);
      this.logger.debug('The result of a task was read', auditFields(ended));
      return toTaskResult(ended);
    } finally {
      forgetDrop();
      signal.removeEventListener('abort', abandon);
    }
  }

  private async wait(
    record: ExecutionRecord,
    request: RequestId,
    abandoned: AbortSignal,
    isDropped: () => boolean,
  ): Promise<ExecutionRecord> {
    abandoned.throwIfAborted();
    const { key } = record;
    const removeReader = this.delivery.addReader(key, request);
    try {
      if (record.session !== this.session) await this.follow(key);
      for (const question of await this.engine.questions(key)) {
        if (question.answer === undefined) this.delivery.add(record, question);
      }
      const ended = {
        ...record,
        openQuestions: 0,
        ...(await waitForEnd(this.engine, key, { signal: abandoned }, record.generation)),
      };
      // The record may come before the events of its end. The prompts are closed while there is a stream to do it on.
      this.delivery.ended(key);
      if (this.followed.has(key)) this.feed.status(ended);
      this.unfollow(key);
      return ended;
    } catch (error) {
      if (!ErrandError.is(error, 'EXECUTION_UNKNOWN')) throw error;
      this.unfollow(key);
      throw notFound(key);
    } finally {
      removeReader(isDropped());
    }
  }

  /**
   * The relay carries the events of this session's tasks. A task of another session is watched from the first wait to its
   * end, so that a prompt shown here is closed here, whichever connection it is answered on.
   */
  private async follow(key: string): Promise<void> {
    let following = this.followed.get(key);
    if (following === undefined) {
      following = this.engine.watch({ key }, (event) => {
        if (!this.followed.has(key)) return;
        dispatch(event, this.feed);
        if (event.type === 'state' && isTerminal(event.record.state)) this.unfollow(key);
      });
      this.followed.set(key, following);
      following.catch(() => this.followed.delete(key));
    }
    await following;
  }

  private unfollow(key: string): void {
    const following = this.followed.get(key);
    this.followed.delete(key);
    following?.then((unwatch) => unwatch()).catch(() => undefined);
  }

  /** The task, if it is this principal's. Any other looks exactly like one that does not exist. */
  private async owned(params: unknown, extra: RequestExtra): Promise<ExecutionRecord> {
    const { taskId } = parseParams(TaskParams, params, 'task request');
    const record = await this.engine.get(taskId);
    if (record === undefined || record.owner !== callerOf(extra).principal.id || !isTask(record)) {
      throw notFound(taskId);
    }
    return record;
  }
}

const notFound = (taskId: string): ProtocolError =>
  new ProtocolError(rpcCode.invalidParams, unknownExecution(taskId).message);
