import type { Result, Task } from '@modelcontextprotocol/sdk/types.js';
import type { Ended, Reply } from './actor.js';
import type { Finish } from './stage.js';

/** What people answer, and what the tool gets of it. */
export const replies = {
  yes: { sent: { result: { action: 'accept', content: { value: 'yes' } } }, heard: 'yes' },
  no: { sent: { result: { action: 'accept', content: { value: 'no' } } }, heard: 'no' },
  decline: { sent: { result: { action: 'decline' } }, heard: 'decline' },
  'content that does not fit': {
    sent: { result: { action: 'accept', content: { value: 7 } } },
    heard: 'ANSWER_INVALID',
  },
  'what is no answer': { sent: { result: { action: 'shrug' } }, heard: 'ANSWER_INVALID' },
  'an error': { sent: { error: { code: -32099, message: 'no screen' } }, heard: 'ANSWER_FAILED' },
} as const satisfies Record<string, { sent: Reply; heard: string }>;

export type ReplyName = keyof typeof replies;

/** A client's connection, as far as it decides what the client may see. */
export interface ModelSeat {
  readonly principal: string;
  /** Tasks of other connections that it has waited for while they were alive. */
  readonly followed: Set<ModelTask>;
}

export interface ModelQuestion {
  readonly task: ModelTask;
  readonly key: string;
  readonly deadline: number;
  /** What the tool hears when it asks; absent while open. */
  heard: string | undefined;
}

export interface ModelRun {
  readonly task: ModelTask;
  /** It no longer owns its task. */
  over: boolean;
  /** How often each key was asked under. */
  readonly asked: Map<string, number>;
}

/** One `elicit()` of a run. */
export interface ModelAsk {
  readonly run: ModelRun;
  readonly question: ModelQuestion | undefined;
  heard: string | undefined;
}

/** How a task ended. */
export interface ModelEnd {
  readonly status: Task['status'];
  readonly statusMessage: string | undefined;
  /** What everybody who waits for the result gets. */
  readonly outcome: Ended;
  readonly expires: number;
}

export interface ModelTask {
  readonly taskId: string;
  readonly name: string;
  readonly principal: string;
  readonly seat: ModelSeat;
  readonly ttl: number;
  readonly createdAt: number;
  readonly runs: ModelRun[];
  readonly questions: Map<string, ModelQuestion>;
  message: string | undefined;
  end: ModelEnd | undefined;
  expired: boolean;
}

/** What may be seen of tasks, with nothing concurrent in it. */
export class TaskModel {
  readonly tasks: ModelTask[] = [];
  readonly asks: ModelAsk[] = [];
  /** Every question there ever was. */
  readonly questions: ModelQuestion[] = [];
  /** Whether a worker runs. */
  working = true;

  constructor(public now: number) {}

  submit(task: Pick<ModelTask, 'taskId' | 'name' | 'seat' | 'ttl'>): void {
    const made: ModelTask = {
      ...task,
      principal: task.seat.principal,
      createdAt: this.now,
      runs: [],
      questions: new Map(),
      message: undefined,
      end: undefined,
      expired: false,
    };
    this.tasks.push(made);
    if (this.working) this.deliver(made);
  }

  /** Whether the run may report. */
  progress(run: ModelRun, current: number): boolean {
    if (!run.over) run.task.message = `at ${current}`;
    return !run.over;
  }

  ask(run: ModelRun, key: string, deadline: number): void {
    if (run.over) return this.asked({ run, question: undefined, heard: 'over' });
    if (
      this.asks.some((ask) => ask.run === run && ask.heard === undefined && ask.question?.key.startsWith(`k-${key}-`))
    ) {
      return this.asked({ run, question: undefined, heard: 'QUESTION_DUPLICATE' });
    }
    const { task } = run;
    const count = (run.asked.get(key) ?? 0) + 1;
    run.asked.set(key, count);
    const name = `k-${key}-${count}`;
    let question = task.questions.get(name);
    if (question === undefined) {
      question = { task, key: name, deadline: this.now + deadline, heard: undefined };
      task.questions.set(name, question);
      this.questions.push(question);
    }
    this.asked({ run, question, heard: question.heard });
  }

  /** Whether it was the answer that counts. */
  answer(question: ModelQuestion, principal: string, reply: ReplyName): boolean {
    if (!isOpen(question) || question.task.principal !== principal) return false;
    this.close(question, replies[reply].heard);
    return true;
  }

  /** Whether the task was still to be ended. */
  finish(run: ModelRun, how: Finish): boolean {
    if (run.over) return false;
    this.end(run.task, this.endings(run.task)[how]);
    return true;
  }

  cancel(task: ModelTask): boolean {
    if (task.end !== undefined) return false;
    const error = { code: -32603, message: 'Task was cancelled' };
    this.end(task, { status: 'cancelled', statusMessage: 'Cancelled by the client', outcome: { error } });
    return true;
  }

  stopWorker(): void {
    this.working = false;
    for (const task of this.tasks) for (const run of task.runs) this.takeFrom(run);
  }

  startWorker(): void {
    this.working = true;
    for (const task of this.alive()) this.deliver(task);
  }

  advance(ms: number): void {
    this.now += ms;
    for (const question of this.questions) {
      if (isOpen(question) && question.deadline <= this.now) this.close(question, 'cancel');
    }
    for (const task of this.tasks) if (task.end !== undefined && task.end.expires <= this.now) task.expired = true;
  }

  alive(): ModelTask[] {
    return this.tasks.filter(({ end }) => end === undefined);
  }

  /** What a principal may see, the newest first. */
  seenBy(principal: string): ModelTask[] {
    return this.tasks.filter((task) => !task.expired && task.principal === principal).reverse();
  }

  /** The questions that a client's connection may show; each is shown at one connection. */
  shownAt(seat: ModelSeat): ModelQuestion[] {
    return this.questions.filter(
      (question) => isOpen(question) && (question.task.seat === seat || seat.followed.has(question.task)),
    );
  }

  private asked(ask: ModelAsk): void {
    this.asks.push(ask);
  }

  private deliver(task: ModelTask): void {
    task.runs.push({ task, over: false, asked: new Map() });
  }

  private close(question: ModelQuestion, heard: string): void {
    question.heard = heard;
    for (const ask of this.asks) if (ask.question === question) ask.heard ??= heard;
  }

  private end(task: ModelTask, end: Omit<ModelEnd, 'expires'>): void {
    task.end = { ...end, expires: this.now + task.ttl };
    for (const run of task.runs) this.takeFrom(run);
  }

  private takeFrom(run: ModelRun): void {
    run.over = true;
    for (const ask of this.asks) if (ask.run === run) ask.heard ??= 'over';
  }

  private endings({ taskId, message }: ModelTask): Record<Finish, Omit<ModelEnd, 'expires'>> {
    const related = { _meta: { 'io.modelcontextprotocol/related-task': { taskId } } };
    const failed = (text: string) => ({
      status: 'failed' as const,
      statusMessage: text,
      outcome: { result: { content: [{ type: 'text', text }], isError: true, ...related } as Result },
    });
    return {
      returns: {
        status: 'completed',
        statusMessage: message,
        outcome: { result: { content: [{ type: 'text', text: 'done' }], ...related } },
      },
      'returns an error': failed('did not work'),
      throws: failed('cannot work'),
      'throws a protocol error': {
        status: 'failed',
        statusMessage: 'not like this',
        outcome: { error: { code: -32050, message: 'not like this', data: { why: ['here'] } } },
      },
    };
  }
}

/** Whether a question waits for an answer. */
export function isOpen({ heard, task }: ModelQuestion): boolean {
  return heard === undefined && task.end === undefined;
}

/** `input_required` while, and only while, a question is open. */
export function statusOf(task: ModelTask): Task['status'] {
  if (task.end !== undefined) return task.end.status;
  return [...task.questions.values()].some(isOpen) ? 'input_required' : 'working';
}
