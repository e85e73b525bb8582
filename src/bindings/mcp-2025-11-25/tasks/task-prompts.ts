import type { Question } from '../../../docket/engine/record.js';
import type { RequestId } from '../../../protocol/json-rpc/messages.js';
import { QuestionPrompt, type PromptConnection, type PromptTask } from './question-prompt.js';

/** The connection of a task's prompts. */
export interface TaskPromptsConnection extends PromptConnection {
  /** Resolves when the client has processed what was sent to it before. Never rejects. */
  processed(): Promise<void>;
}

/** The questions of one task on one connection, and the `tasks/result` requests that wait for the task. */
export class TaskPrompts implements PromptTask {
  /** The principal of the task. Several principals may send on one connection. */
  owner: string | undefined;
  /**
   * By the key of the question. A settled one is kept until the task ends: the open questions of a task may be read
   * just before an answer is stored, and a user must not be prompted twice.
   */
  private readonly prompts = new Map<string, QuestionPrompt>();
  private readonly readers = new Set<RequestId>();
  /** Its questions are kept until the last reader is gone, because it may be reading them now. */
  private hasEnded = false;
  /** Whether the client knows the task, if there is one stream for everything. */
  private introduction: 'none' | 'pending' | 'done' = 'none';

  constructor(
    readonly taskId: string,
    private readonly connection: TaskPromptsConnection,
  ) {}

  get hasReader(): boolean {
    return this.readers.size > 0;
  }

  get reader(): RequestId | undefined {
    return this.connection.streams.single ? undefined : [...this.readers].at(-1);
  }

  /**
   * A client that finds the task of a question by its id cancels the question when it comes together with the response
   * that names the task. So the first question waits until that response has been processed, or a `tasks/result` waits.
   */
  isIntroduced(): boolean {
    if (this.introduction === 'done' || this.hasReader) return true;
    if (this.introduction === 'none') {
      this.introduction = 'pending';
      void this.connection.processed().then(() => {
        this.introduction = 'done';
        for (const prompt of this.prompts.values()) prompt.tryToShow();
      });
    }
    return false;
  }

  /** Whether the client has a question that it may still answer here. */
  get isAsking(): boolean {
    for (const prompt of this.prompts.values()) if (prompt.isAsking) return true;
    return false;
  }

  /** Whether the task can be forgotten. */
  get isForgettable(): boolean {
    return !this.hasReader && (this.hasEnded || this.prompts.size === 0);
  }

  get all(): Iterable<QuestionPrompt> {
    return this.prompts.values();
  }

  get(question: string): QuestionPrompt | undefined {
    return this.prompts.get(question);
  }

  /** The prompt of a question, made if there is none yet. */
  promptOf(question: Question): QuestionPrompt {
    let prompt = this.prompts.get(question.key);
    if (prompt === undefined) {
      prompt = new QuestionPrompt(this.connection, this, question, this.hasEnded);
      this.prompts.set(question.key, prompt);
    }
    return prompt;
  }

  /** Forgets a question, and leaves it to others. */
  delete(question: string): void {
    this.prompts.get(question)?.releaseLease();
    this.prompts.delete(question);
  }

  addReader(request: RequestId): void {
    this.readers.add(request);
    for (const prompt of this.prompts.values()) prompt.onReaderAdded();
  }

  removeReader(request: RequestId, isDropped: boolean): void {
    this.readers.delete(request);
    for (const prompt of this.prompts.values()) prompt.onReaderRemoved(request, isDropped);
  }

  /** The task has ended, and its questions with it. */
  end(): void {
    this.hasEnded = true;
    for (const prompt of this.prompts.values()) prompt.withdraw();
  }
}
