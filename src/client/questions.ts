import { ElicitResultSchema, type ElicitRequest, type ElicitResult } from '@modelcontextprotocol/sdk/types.js';
import { ProtocolError, rpcCode } from '../protocol/errors.js';

/** A question of the server to the user. */
export interface UserQuestion {
  /** What the user reads. */
  readonly message: string;
  /** The form to fill in: a flat JSON schema. Absent for questions that are answered at a URL. */
  readonly schema?: Record<string, unknown>;
  /** Where to answer, for questions that are answered at a URL. */
  readonly url?: string;
  /** The task that asks, unless a foreground call does. */
  readonly taskId?: string;
  /** Aborted when the question needs no answer any more: take the prompt away. */
  readonly signal: AbortSignal;
}

/** What the user did. */
export type UserAnswer =
  | {
      /** The form was filled in. */
      readonly action: 'accept';
      /** Its fields; `value` for a question after one scalar. */
      readonly content: Record<string, string | number | boolean | string[]>;
    }
  | {
      /** The user said no, or closed the form. */
      readonly action: 'decline' | 'cancel';
    };

/** Asks the user. */
export type ElicitHandler = (question: UserQuestion) => UserAnswer | Promise<UserAnswer>;

/** Finds the one who answers a question. */
export class QuestionRouter {
  private readonly byTask = new Map<string, ElicitHandler>();
  private readonly foreground = new Set<ElicitHandler>();
  private readonly creating = new Set<Promise<unknown>>();

  constructor(
    private readonly fallback: ElicitHandler | undefined,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** A foreground call with a handler of its own is under way. Returns what ends that. */
  enterCall(handler: ElicitHandler): () => void {
    const entry: ElicitHandler = (question) => handler(question);
    this.foreground.add(entry);
    return () => this.foreground.delete(entry);
  }

  /** A task is being made: its first question may come before its id is known here. */
  async create<T extends { readonly taskId: string }>(
    handler: ElicitHandler | undefined,
    task: Promise<T>,
  ): Promise<T> {
    const named = task.then((made) => {
      if (handler !== undefined) this.byTask.set(made.taskId, handler);
      return made;
    });
    this.creating.add(named);
    try {
      return await named;
    } finally {
      this.creating.delete(named);
    }
  }

  /** The task asks nothing more. */
  forget(taskId: string): void {
    this.byTask.delete(taskId);
  }

  /**
   * Answers one question; `cancel` when nobody is there to ask.
   *
   * @throws ProtocolError when it cannot be known whom to ask, or asking failed: what the server may read of that.
   */
  async answer({ params }: ElicitRequest, signal: AbortSignal): Promise<ElicitResult> {
    const meta = params._meta?.['io.modelcontextprotocol/related-task'] as { taskId?: string } | undefined;
    const taskId = meta?.taskId;
    const handler = taskId === undefined ? this.ofForeground() : await this.ofTask(taskId);
    if (handler === undefined) return { action: 'cancel' };
    const question: UserQuestion = {
      message: params.message,
      signal,
      ...('requestedSchema' in params && { schema: params.requestedSchema }),
      ...('url' in params && { url: params.url }),
      ...(taskId !== undefined && { taskId }),
    };
    try {
      return ElicitResultSchema.parse(await handler(question));
    } catch (error) {
      // A prompt that is taken away may throw. What `onError` throws itself must not become the answer either.
      if (!signal.aborted) queueMicrotask(() => this.onError(error));
      throw new ProtocolError(rpcCode.internalError, 'The client failed to ask its user.');
    }
  }

  private async ofTask(taskId: string): Promise<ElicitHandler | undefined> {
    if (!this.byTask.has(taskId)) await Promise.allSettled(this.creating);
    return this.byTask.get(taskId) ?? this.fallback;
  }

  /** The protocol does not say which foreground call asks, so a handler of a call counts only while it is the only one. */
  private ofForeground(): ElicitHandler | undefined {
    const [only, another] = this.foreground;
    if (another === undefined) return only ?? this.fallback;
    if (this.fallback !== undefined) return this.fallback;
    throw new ProtocolError(
      rpcCode.internalError,
      'Several calls are open, and a question does not say which of them asks. Give onElicit to connect().',
    );
  }
}
