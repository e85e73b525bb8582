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
import type { RequestExtra } from '../session-channel.js';
import type { Streams } from '../streams.js';
import type { TaskFeed } from './task-feed.js';
import { toTask, toTaskResult } from './task-view.js';
import { callerOf } from '../component-calls.js';
import { accept } from '../component-requests.js';

const TaskParams = z.object({ taskId: z.string() });
const ListParams = z.object({ cursor: z.string().optional() }).optional();

/** How many tasks one page of `tasks/list` has. */
const pageSize = 50;

/** The `tasks/*` requests of one connection. */
export class TaskRequests {
  /** Tasks of other sessions that this connection has waited for. */
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

  /** `tasks/cancel`: cancelled before the answer goes out. */
  async cancel(params: unknown, extra: RequestExtra): Promise<object> {
    const { key } = await this.owned(params, extra);
    const result = await this.engine.cancel(key, 'Cancelled by the client');
    const record = await this.engine.get(key);
    if (result === 'unknown' || record === undefined) throw notFound(key);
    if (result === 'terminal') {
      throw new ProtocolError(
        rpcCode.invalidParams,
        `Cannot cancel task '${key}': it is ${toTask(record).status} already`,
      );
    }
    this.logger.info('A task was cancelled by its client', auditFields(record));
    return toTask(record);
  }

  /** `tasks/list` */
  async list(params: unknown, extra: RequestExtra): Promise<object> {
    const { cursor } = accept(ListParams, params, 'tasks/list') ?? {};
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

  /** `tasks/result`: waits for the end, and carries the questions of the task meanwhile. */
  async result(params: unknown, extra: RequestExtra): Promise<object> {
    const { requestId, signal } = extra;
    const gone = new AbortController();
    const abort = (): void =>
      gone.abort(new ProtocolError(rpcCode.internalError, 'Nobody waits for this result any more'));
    let isDropped = false;
    // Listening before reading: whoever gives up while the record is read is waited for no longer, and shown nothing.
    signal.addEventListener('abort', abort, { once: true });
    // A connection that closes right after the request is gone before the request comes here.
    if (signal.aborted) abort();
    const forgetDrop = this.streams.onDropped(requestId, () => {
      isDropped = true;
      abort();
    });
    try {
      const record = await this.owned(params, extra);
      const ended = isTerminal(record.state)
        ? record
        : await this.wait(record, requestId, gone.signal, () => isDropped);
      this.logger.debug('The result of a task was read', auditFields(ended));
      return toTaskResult(ended);
    } finally {
      forgetDrop();
      signal.removeEventListener('abort', abort);
    }
  }

  private async wait(
    record: ExecutionRecord,
    request: RequestId,
    gone: AbortSignal,
    isDropped: () => boolean,
  ): Promise<ExecutionRecord> {
    gone.throwIfAborted();
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
        ...(await waitForEnd(this.engine, key, { signal: gone }, record.generation)),
      };
      // The record may come before the events of its end; the prompts are closed while there is a stream to do it on.
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
   * The relay brings what the tasks of this session say. A task of another one is followed from the first wait to its end,
   * so that a prompt that was shown here is closed here, whoever answers it.
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

  /** The task of this principal. Another's looks exactly like one that does not exist. */
  private async owned(params: unknown, extra: RequestExtra): Promise<ExecutionRecord> {
    const { taskId } = accept(TaskParams, params, 'task request');
    const record = await this.engine.get(taskId);
    if (record === undefined || record.owner !== callerOf(extra).principal.id || !isTask(record)) {
      throw notFound(taskId);
    }
    return record;
  }
}

const notFound = (taskId: string): ProtocolError =>
  new ProtocolError(rpcCode.invalidParams, unknownExecution(taskId).message);
