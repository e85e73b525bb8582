import type { Task } from '../protocol/types.js';
import type { CallProgress } from './options.js';
import type { ProgressRouter } from './progress.js';
import { TrackedTask, type TaskRequests } from './tracked-task.js';

/**
 * The tasks that a client knows. One that may still ask or tell something is held, whether anybody holds a handle of it or
 * not; one that is over only as long as somebody does.
 */
export class TaskBook {
  private readonly open = new Set<TrackedTask>();
  private readonly known = new Map<string, WeakRef<TrackedTask>>();
  private readonly collected = new FinalizationRegistry<string>((taskId) => {
    if (this.find(taskId) === undefined) this.known.delete(taskId);
  });
  private readonly creating = new Set<Promise<unknown>>();

  constructor(
    private readonly requests: TaskRequests,
    private readonly progress: ProgressRouter,
    private readonly report: (error: unknown) => void,
  ) {}

  /** All that are known, in the order in which they became known. */
  get all(): TrackedTask[] {
    return [...this.known.values()].flatMap((reference) => reference.deref() ?? []);
  }

  find(taskId: string): TrackedTask | undefined {
    return this.known.get(taskId)?.deref();
  }

  /** The task, known from now on. */
  track(taskId: string): TrackedTask {
    const found = this.find(taskId);
    if (found !== undefined) return found;
    const task = new TrackedTask(taskId, this.requests, this.report, (over) => this.over(over));
    this.open.add(task);
    this.known.set(taskId, new WeakRef(task));
    this.collected.register(task, taskId);
    return task;
  }

  /** A request is under way that makes a task: what the task asks and tells may come before its id is known here. */
  async duringCreation<T>(request: Promise<T>): Promise<T> {
    this.creating.add(request);
    try {
      return await request;
    } finally {
      this.creating.delete(request);
    }
  }

  /** The task, once no request is under way that might make it. */
  async findLater(taskId: string): Promise<TrackedTask | undefined> {
    if (this.find(taskId) === undefined) await Promise.allSettled(this.creating);
    return this.find(taskId);
  }

  /** The server told a status unasked. */
  async heard(task: Task): Promise<void> {
    (this.find(task.taskId) ?? (await this.findLater(task.taskId)))?.heard(task);
  }

  /** Progress came that names its task. False when the task is not known. */
  progressed(taskId: string, progress: CallProgress): boolean {
    const task = this.find(taskId);
    task?.progressed(progress);
    return task !== undefined;
  }

  /** The connection is gone: whoever waits for news of a task learns it now. */
  fail(error: unknown): void {
    for (const task of this.all) task.fail(error);
  }

  private over(task: TrackedTask): void {
    this.open.delete(task);
    if (task.token !== undefined) this.progress.forget(task.token);
  }
}
