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
import type { TaskBook } from './task-book.js';

/** Who is there to answer. */
export type Answering = Pick<
  ClientOptions,
  'onElicit' | 'elicitation' | 'onElicitUrl' | 'onSample' | 'sampleTools' | 'roots'
>;

const answersForms = ({ onElicit, elicitation = onElicit !== undefined }: Answering): boolean => elicitation;

/** What a client that answers so declares. */
export function capabilitiesOf(answering: Answering): ClientCapabilities {
  const { onElicitUrl, onSample, sampleTools, roots } = answering;
  const elicitation = { ...(answersForms(answering) && { form: {} }), ...(onElicitUrl && { url: {} }) };
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

/** Finds the one who answers a question, whether a foreground call asks or a task. */
export class QuestionRouter {
  private readonly foreground = new Set<ElicitHandler>();
  /** Of calls that wish for a task, which the server may make in the foreground all the same. */
  private readonly undecided = new Set<ElicitHandler>();

  constructor(
    private readonly answering: Answering,
    private readonly tasks: TaskBook,
    private readonly report: (error: unknown) => void,
  ) {}

  /**
   * A handler that no server would ever ask is a mistake.
   *
   * @throws {ErrandError} `OPTIONS_INVALID`
   */
  requireDeclared({ onElicit }: TaskHandlers): void {
    if (onElicit === undefined || answersForms(this.answering)) return;
    throw new ErrandError(
      'OPTIONS_INVALID',
      'The call has an onElicit, but the client did not declare that its user can be asked. Give connect() an onElicit as well, or elicitation: true.',
    );
  }

  /** A call with a handler of its own is under way, in the foreground as far as is known. Returns what ends that. */
  enterCall(handler: ElicitHandler, mayBecomeTask = false): () => void {
    const calls = mayBecomeTask ? this.undecided : this.foreground;
    const entry: ElicitHandler = (question) => handler(question);
    calls.add(entry);
    return () => calls.delete(entry);
  }

  /**
   * Answers one question of the server.
   *
   * @throws ProtocolError when nobody can: what the server may read of that.
   */
  async answer(request: JSONRPCRequest, signal: AbortSignal): Promise<Result> {
    const taskId = relatedTaskOf(request.params);
    const asked: Asked = { signal, ...(taskId !== undefined && { taskId }) };
    const answer = await this.answerAs(request, asked);
    // What belongs to a task says so, answers too (2025-11-25, basic/utilities/tasks).
    return taskId === undefined
      ? answer
      : { ...answer, _meta: { ...answer._meta, [RELATED_TASK_META_KEY]: { taskId } } };
  }

  private answerAs(request: JSONRPCRequest, asked: Asked): Promise<Result> {
    const { onSample, roots } = this.answering;
    if (request.method === 'elicitation/create') return this.elicit(request, asked);
    if (request.method === 'sampling/createMessage' && onSample) return this.sample(request, onSample, asked);
    if (request.method === 'roots/list' && roots) {
      return this.carefully(ListRootsResultSchema, asked, async () => ({
        roots: typeof roots === 'function' ? await roots() : roots,
      }));
    }
    throw new ProtocolError(rpcCode.methodNotFound, `Method not found: ${shown(request.method)}`);
  }

  private async elicit(request: JSONRPCRequest, asked: Asked): Promise<Result> {
    const { params } = accept(ElicitRequestSchema, request);
    const { message } = params;
    if (isForm(params)) {
      if (!answersForms(this.answering)) {
        throw new ProtocolError(rpcCode.invalidParams, 'The client did not declare that its user can be asked.');
      }
      const { taskId } = asked;
      const handler = taskId === undefined ? this.ofForeground() : await this.ofTask(taskId);
      if (handler === undefined) return { action: 'cancel' };
      return this.carefully(ElicitResultSchema, asked, () =>
        handler({ ...asked, message, schema: params.requestedSchema }),
      );
    }
    const { onElicitUrl } = this.answering;
    if (onElicitUrl === undefined) {
      throw new ProtocolError(rpcCode.invalidParams, 'The client did not declare that it can send its user to a URL.');
    }
    const { url, elicitationId } = params;
    return this.carefully(ElicitResultSchema, asked, () => onElicitUrl({ ...asked, message, url, elicitationId }));
  }

  private async sample(
    request: JSONRPCRequest,
    onSample: NonNullable<Answering['onSample']>,
    asked: Asked,
  ): Promise<Result> {
    const { _meta, task, ...params } = accept(CreateMessageRequestSchema, request).params;
    const withTools = params.tools !== undefined || params.toolChoice !== undefined;
    if (withTools && this.answering.sampleTools !== true) {
      throw new ProtocolError(rpcCode.invalidParams, 'The client did not declare that its model can use tools.');
    }
    const schema = withTools ? CreateMessageResultWithToolsSchema : CreateMessageResultSchema;
    return this.carefully(schema, asked, () => onSample({ ...params, ...asked }));
  }

  /** Lets the user's code answer. The server learns nothing of what it throws. */
  private async carefully(schema: z.ZodType<Result>, { signal }: Asked, answer: () => unknown): Promise<Result> {
    try {
      return schema.parse(await answer());
    } catch (error) {
      // A prompt that is taken away may throw.
      if (!signal.aborted) this.report(error);
      throw new ProtocolError(rpcCode.internalError, 'The client failed to ask its user.');
    }
  }

  private async ofTask(taskId: string): Promise<ElicitHandler | undefined> {
    const task = this.tasks.find(taskId) ?? (await this.tasks.findLater(taskId));
    return task?.onElicit ?? this.answering.onElicit;
  }

  /** The protocol does not say which foreground call asks, so a handler of a call counts only while it is the only one. */
  private ofForeground(): ElicitHandler | undefined {
    const { onElicit } = this.answering;
    const [only, another] = this.foreground.size > 0 || onElicit !== undefined ? this.foreground : this.undecided;
    if (another === undefined) return only ?? onElicit;
    if (onElicit !== undefined) return onElicit;
    throw new ProtocolError(
      rpcCode.internalError,
      'Several calls are open, and a question does not say which of them asks. Give onElicit to connect().',
    );
  }
}

type FormParams = Extract<ElicitRequest['params'], { requestedSchema: unknown }>;

const isForm = (params: ElicitRequest['params']): params is FormParams => 'requestedSchema' in params;

const Related = z.object({ _meta: z.object({ [RELATED_TASK_META_KEY]: z.object({ taskId: z.string() }) }) });

/** The task that the parameters of a message say it belongs to. */
export function relatedTaskOf(params: unknown): string | undefined {
  return Related.safeParse(params).data?._meta[RELATED_TASK_META_KEY].taskId;
}

function accept<T>(schema: z.ZodType<T>, request: JSONRPCRequest): T {
  const parsed = schema.safeParse(request);
  if (parsed.success) return parsed.data;
  throw new ProtocolError(rpcCode.invalidParams, `Invalid ${request.method}: ${describeIssues(parsed.error)}`);
}
