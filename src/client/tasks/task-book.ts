import type { Task } from '../../protocol/types.js';
import type { CallProgress } from '../options.js';
import type { ProgressRouter } from '../progress.js';
import { TrackedTask, type TaskRequests } from './tracked-task.js';

/**
 * The tasks that a client knows. A live task is held strongly, since it may still ask or report something; an ended one is
 * held weakly, so that it goes with its last handle.
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

  /** All known tasks, oldest first. */
  get all(): TrackedTask[] {
    return [...this.known.values()].flatMap((reference) => reference.deref() ?? []);
  }

  find(taskId: string): TrackedTask | undefined {
    return this.known.get(taskId)?.deref();
  }

  /** Finds the task, or adds it. */
  track(taskId: string): TrackedTask {
    const found = this.find(taskId);
    if (found !== undefined) return found;
    const task = new TrackedTask(taskId, this.requests, this.report, (ended) => this.release(ended));
    this.open.add(task);
    this.known.set(taskId, new WeakRef(task));
    this.collected.register(task, taskId);
    return task;
  }

  /** Awaits a request that creates a task. The task's questions and news may arrive before its id is known here. */
  async duringCreation<T>(request: Promise<T>): Promise<T> {
    this.creating.add(request);
    try {
      return await request;
    } finally {
      this.creating.delete(request);
    }
  }

  /** Finds the task, if necessary after waiting for the requests that may be creating it. */
  async findLater(taskId: string): Promise<TrackedTask | undefined> {
    if (this.find(taskId) === undefined) await Promise.allSettled(this.creating);
    return this.find(taskId);
  }

  /** Handles a status that the server sent unprompted. */
  async receiveStatus(task: Task): Promise<void> {
    (this.find(task.taskId) ?? (await this.findLater(task.taskId)))?.receiveStatus(task);
  }

  /** Handles progress that names its task. Returns false if the task is unknown. */
  receiveProgress(taskId: string, progress: CallProgress): boolean {
    const task = this.find(taskId);
    task?.receiveProgress(progress);
    return task !== undefined;
  }

  /** A new session has taken the place of the old one. `isAsked` tells whether a question of a task is open here. */
  sessionRenewed(isAsked: (taskId: string) => boolean): void {
    for (const task of [...this.open]) task.sessionRenewed(isAsked(task.taskId));
  }

  /** Fails everyone who waits for news, because the connection is gone. */
  fail(error: unknown): void {
    for (const task of this.all) task.fail(error);
  }

  private release(task: TrackedTask): void {
    this.open.delete(task);
    if (task.token !== undefined) this.progress.forget(task.token);
  }
}
