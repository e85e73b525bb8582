import {
  CreateMessageRequestSchema,
  CreateMessageResultSchema,
  CreateMessageResultWithToolsSchema,
  ElicitRequestSchema,
  ElicitResultSchema,
  ListRootsResultSchema,
  RELATED_TASK_META_KEY,
  type ElicitRequest,
  type JSONRPCRequest,
  type Result,
} from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import { ErrandError } from '../base/errors.js';
import { describeIssues } from '../base/issues.js';
import { shown } from '../base/shown.js';
import { ProtocolError, rpcCode } from '../protocol/errors.js';
import type { ClientCapabilities } from '../protocol/types.js';
import type { ClientOptions, TaskHandlers } from './options.js';
import type { ElicitHandler } from './questions.js';
import type { TaskBook } from './tasks/task-book.js';

/** The options that decide which questions a client can answer. */
export type AnswerOptions = Pick<
  ClientOptions,
  'onElicit' | 'elicitation' | 'onElicitUrl' | 'onSample' | 'sampleTools' | 'roots'
>;

const declaresForms = ({ onElicit, elicitation = onElicit !== undefined }: AnswerOptions): boolean => elicitation;

/** The capabilities that a client with these options declares. */
export function clientCapabilities(answering: AnswerOptions): ClientCapabilities {
  const { onElicitUrl, onSample, sampleTools, roots } = answering;
  const elicitation = { ...(declaresForms(answering) && { form: {} }), ...(onElicitUrl && { url: {} }) };
  return {
    ...(Object.keys(elicitation).length > 0 && { elicitation }),
    ...(onSample && { sampling: sampleTools === true ? { tools: {} } : {} }),
    ...(roots && { roots: {} }),
  };
}

interface Asked {
  readonly taskId?: string;
  readonly signal: AbortSignal;
}

/** Finds the handler that answers a question, whether a foreground call or a task asks it. */
export class QuestionRouter {
  private readonly foreground = new Set<ElicitHandler>();
  /** Handlers of calls that requested a task; the server may still run them in the foreground. */
  private readonly undecided = new Set<ElicitHandler>();

  constructor(
    private readonly answering: AnswerOptions,
    private readonly tasks: TaskBook,
    private readonly report: (error: unknown) => void,
  ) {}

  /**
   * Refuses a handler that would never be called.
   *
   * @throws {ErrandError} `OPTIONS_INVALID`
   */
  requireDeclared({ onElicit }: TaskHandlers): void {
    if (onElicit === undefined || declaresForms(this.answering)) return;
    throw new ErrandError(
      'OPTIONS_INVALID',
      'The call has an onElicit, but the client did not declare elicitation. Pass connect() an onElicit as well, or elicitation: true.',
    );
  }

  /** Registers the handler of a call that, as far as is known, runs in the foreground. Returns a function that removes it. */
  enterCall(handler: ElicitHandler, mayBecomeTask = false): () => void {
    const calls = mayBecomeTask ? this.undecided : this.foreground;
    const entry: ElicitHandler = (question) => handler(question);
    calls.add(entry);
    return () => calls.delete(entry);
  }

  /**
   * Answers one question of the server.
   *
   * @throws ProtocolError with the text that the server may read, if the question cannot be answered.
   */
  async answer(request: JSONRPCRequest, signal: AbortSignal): Promise<Result> {
    const taskId = relatedTaskOf(request.params);
    const asked: Asked = { signal, ...(taskId !== undefined && { taskId }) };
    const answer = await this.answerAs(request, asked);
    // Messages of a task name it, and answers are no exception (2025-11-25, basic/utilities/tasks).
    return taskId === undefined
      ? answer
      : { ...answer, _meta: { ...answer._meta, [RELATED_TASK_META_KEY]: { taskId } } };
  }

  private answerAs(request: JSONRPCRequest, asked: Asked): Promise<Result> {
    const { onSample, roots } = this.answering;
    if (request.method === 'elicitation/create') return this.elicit(request, asked);
    if (request.method === 'sampling/createMessage' && onSample) return this.sample(request, onSample, asked);
    if (request.method === 'roots/list' && roots) {
      return this.answerSafely(ListRootsResultSchema, asked, async () => ({
        roots: typeof roots === 'function' ? await roots() : roots,
      }));
    }
    throw new ProtocolError(rpcCode.methodNotFound, `Method not found: ${shown(request.method)}`);
  }

  private async elicit(request: JSONRPCRequest, asked: Asked): Promise<Result> {
    const { params } = parseRequest(ElicitRequestSchema, request);
    const { message } = params;
    if (isForm(params)) {
      if (!declaresForms(this.answering)) {
        throw new ProtocolError(rpcCode.invalidParams, 'The client did not declare elicitation.');
      }
      const { taskId } = asked;
      const handler = taskId === undefined ? this.foregroundHandler() : await this.taskHandler(taskId);
      if (handler === undefined) return { action: 'cancel' };
      return this.answerSafely(ElicitResultSchema, asked, () =>
        handler({ ...asked, message, schema: params.requestedSchema }),
      );
    }
    const { onElicitUrl } = this.answering;
    if (onElicitUrl === undefined) {
      throw new ProtocolError(rpcCode.invalidParams, 'The client did not declare URL elicitation.');
    }
    const { url, elicitationId } = params;
    return this.answerSafely(ElicitResultSchema, asked, () => onElicitUrl({ ...asked, message, url, elicitationId }));
  }

  private async sample(
    request: JSONRPCRequest,
    onSample: NonNullable<AnswerOptions['onSample']>,
    asked: Asked,
  ): Promise<Result> {
    const { _meta, task, ...params } = parseRequest(CreateMessageRequestSchema, request).params;
    const withTools = params.tools !== undefined || params.toolChoice !== undefined;
    if (withTools && this.answering.sampleTools !== true) {
      throw new ProtocolError(rpcCode.invalidParams, 'The client did not declare sampling with tools.');
    }
    const schema = withTools ? CreateMessageResultWithToolsSchema : CreateMessageResultSchema;
    return this.answerSafely(schema, asked, () => onSample({ ...params, ...asked }));
  }

  /** Runs the handler. Its errors are reported here and never sent to the server. */
  private async answerSafely(schema: z.ZodType<Result>, { signal }: Asked, answer: () => unknown): Promise<Result> {
    try {
      return schema.parse(await answer());
    } catch (error) {
      // A handler may throw because its prompt was withdrawn.
      if (!signal.aborted) this.report(error);
      throw new ProtocolError(rpcCode.internalError, 'The client failed to ask its user.');
    }
  }

  private async taskHandler(taskId: string): Promise<ElicitHandler | undefined> {
    const task = this.tasks.find(taskId) ?? (await this.tasks.findLater(taskId));
    return task?.onElicit ?? this.answering.onElicit;
  }

  /** The protocol does not say which foreground call asks, so a call's handler is used only while it is the only one. */
  private foregroundHandler(): ElicitHandler | undefined {
    const { onElicit } = this.answering;
    const [only, another] = this.foreground.size > 0 || onElicit !== undefined ? this.foreground : this.undecided;
    if (another === undefined) return only ?? onElicit;
    if (onElicit !== undefined) return onElicit;
    throw new ProtocolError(
      rpcCode.internalError,
      'Several calls are open, and a question does not say which of them asks. Pass onElicit to connect().',
    );
  }
}

type FormParams = Extract<ElicitRequest['params'], { requestedSchema: unknown }>;

const isForm = (params: ElicitRequest['params']): params is FormParams => 'requestedSchema' in params;

const Related = z.object({ _meta: z.object({ [RELATED_TASK_META_KEY]: z.object({ taskId: z.string() }) }) });

/** The id of the task that a message belongs to, from its parameters. */
export function relatedTaskOf(params: unknown): string | undefined {
  return Related.safeParse(params).data?._meta[RELATED_TASK_META_KEY].taskId;
}

function parseRequest<T>(schema: z.ZodType<T>, request: JSONRPCRequest): T {
  const parsed = schema.safeParse(request);
  if (parsed.success) return parsed.data;
  throw new ProtocolError(rpcCode.invalidParams, `Invalid ${request.method}: ${describeIssues(parsed.error)}`);
}
