import type { ExecutionRecord, Question } from '../../../docket/engine/record.js';
import type { RequestId } from '../../../protocol/json-rpc/messages.js';
import type { QuestionAddress } from './question-ids.js';
import type { QuestionPrompt } from './question-prompt.js';
import { TaskPrompts, type TaskPromptsConnection } from './task-prompts.js';

/**
 * Shows the open questions of tasks to the client of one connection, each on one stream at a time: the response stream
 * of a waiting `tasks/result` of its task, else the standalone stream. A question whose stream is dropped is shown
 * again elsewhere, after its first prompt has been closed. One whose `tasks/result` was cancelled stays with a client
 * that has it, and is not sent again to one that repeats its request. Other connections, in any process, may want to
 * show it too: the engine leases it to one of them.
 */
export class QuestionDelivery {
  private readonly tasks = new Map<string, TaskPrompts>();
  private isClosed = false;

  constructor(private readonly connection: TaskPromptsConnection) {
    const { streams } = connection;
    streams.onReplaced = () => this.forEach((prompt) => prompt.forgetStandalone());
    streams.onStandalone = () => this.forEach((prompt) => prompt.onStandaloneChanged());
  }

  /** A question was opened, or found open. */
  add(record: ExecutionRecord, question: Question): void {
    if (!this.isClosed) this.promptOf(record, question).offer();
  }

  /**
   * Closes the prompt of a question that no longer needs an answer. One that is not shown is noted too, because a
   * request may have read it just before and be about to show it.
   */
  close(record: ExecutionRecord, question: Question): void {
    if (!this.isClosed) this.promptOf(record, question).withdraw();
  }

  /** Another connection holds the lease, and shows the question to the client of that session. */
  onLeaseLost({ taskId, question }: QuestionAddress, session: string): void {
    this.tasks.get(taskId)?.get(question)?.onLeaseLost(session);
  }

  /** The process of the connection that held the lease is gone. */
  onLeaseAvailable({ taskId, question }: QuestionAddress): void {
    this.tasks.get(taskId)?.get(question)?.offer();
  }

  /** A principal answered. Returns whether it was asked on this connection; if so, the answer has closed its prompt. */
  answered({ taskId, question }: QuestionAddress, principal: string): boolean {
    const task = this.tasks.get(taskId);
    return task?.owner === principal && task.get(question)?.answer() === true;
  }

  /** The answer was lost on its way: leaves the question to any connection that can show it again. */
  answerLost({ taskId, question }: QuestionAddress): void {
    const task = this.tasks.get(taskId);
    if (task === undefined) return;
    task.delete(question);
    this.tidy(task);
  }

  /** The task has ended, and its questions with it. */
  ended(taskId: string): void {
    const task = this.tasks.get(taskId);
    if (task === undefined) return;
    task.end();
    this.tidy(task);
  }

  /**
   * A `tasks/result` waits for a task. Returns a function that ends the wait; if the stream was dropped, the questions
   * that it carried are shown elsewhere.
   */
  addReader(taskId: string, request: RequestId): (isDropped: boolean) => void {
    const task = this.taskOf(taskId);
    task.addReader(request);
    return (isDropped) => {
      task.removeReader(request, isDropped);
      this.tidy(task);
    };
  }

  /** The best stream for messages about a task; undefined for the standalone one. */
  streamFor(taskId: string): RequestId | undefined {
    return this.tasks.get(taskId)?.reader;
  }

  /**
   * Whether messages about a task reach the client here. Those about tasks of its own session go out on the connection
   * that has the standalone stream, if any has.
   */
  reaches(taskId: string, isOwn: boolean): boolean {
    const { streams } = this.connection;
    if (isOwn && streams.elsewhere) return false;
    return streams.standalone || this.streamFor(taskId) !== undefined;
  }

  /** Whether the client has a question that it may still answer here. */
  get isAsking(): boolean {
    for (const task of this.tasks.values()) if (task.isAsking) return true;
    return false;
  }

  /** The connection is gone. */
  clear(): void {
    this.isClosed = true;
    this.forEach((prompt) => prompt.abandon());
    this.tasks.clear();
  }

  private taskOf(taskId: string): TaskPrompts {
    let task = this.tasks.get(taskId);
    if (task === undefined) {
      task = new TaskPrompts(taskId, this.connection);
      this.tasks.set(taskId, task);
    }
    return task;
  }

  private promptOf({ key, owner }: ExecutionRecord, question: Question): QuestionPrompt {
    const task = this.taskOf(key);
    task.owner = owner;
    return task.promptOf(question);
  }

  private forEach(act: (prompt: QuestionPrompt) => void): void {
    for (const task of this.tasks.values()) for (const prompt of task.all) act(prompt);
  }

  /** Forgets a task that is no longer needed. */
  private tidy(task: TaskPrompts): void {
    if (task.isForgettable) this.tasks.delete(task.taskId);
  }
}
