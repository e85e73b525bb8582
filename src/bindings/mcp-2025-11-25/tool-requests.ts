import { z } from 'zod';
import type { CallFrame, Caller, ClientFacts } from '../../call/frame.js';
import { CallLife } from '../../call/life.js';
import { ErrandError, messageOf } from '../../base/errors.js';
import { failureOf } from '../../call/outcome.js';
import { accessTokenOf, CurrentHeaders, principalOf } from '../../call/principal.js';
import { Progress } from '../../call/progress.js';
import { parseInput, RunningCall } from '../../call/running-call.js';
import type { Component } from '../../components/component.js';
import type { Engine } from '../../docket/engine.js';
import { ProtocolError, rpcCode } from '../../protocol/errors.js';
import type { LoggingLevel, Tool } from '../../protocol/types.js';
import { newTaskId, submitTask } from '../../tasks/submit.js';
import type { Core } from '../core.js';
import type { ForegroundCalls } from './foreground-calls.js';
import { SessionChannel, type RequestExtra } from './session-channel.js';
import type { Streams } from './streams.js';
import type { TaskFeed } from './task-feed.js';
import { toTask } from './task-view.js';

const isRecord = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);

const CallParams = z.object({
  name: z.string(),
  // The tool's own schema parses what is in it.
  arguments: z.custom<Record<string, unknown>>(isRecord, 'expected an object').optional(),
  task: z.object({ ttl: z.number().int().nonnegative().nullish() }).optional(),
  _meta: z.object({ progressToken: z.union([z.string(), z.number()]).optional() }).optional(),
});

/** What tool calls need to know of their connection. */
export interface ConnectionFacts {
  readonly session: string;
  readonly feed: TaskFeed;
  client(): ClientFacts & { readonly protocolVersion: string };
  readonly shows: (level: LoggingLevel) => boolean;
  readonly calls: ForegroundCalls;
  readonly streams: Streams;
  /** Calls back once the answer to the request has been handed to the transport. */
  afterResponse(request: string | number, run: () => void): void;
}

/** `tools/list` */
export function listTools({ catalog }: Core): { tools: Tool[] } {
  return { tools: catalog.tools.map(toTool) };
}

function toTool({ name, options, inputJsonSchema, output, task }: Component<CallFrame>): Tool {
  const { title, description, annotations, icons, _meta } = options;
  return {
    name,
    ...(title !== undefined && { title }),
    ...(description !== undefined && { description }),
    inputSchema: inputJsonSchema,
    ...(output.jsonSchema !== undefined && { outputSchema: output.jsonSchema }),
    ...(annotations !== undefined && { annotations }),
    ...(icons !== undefined && { icons }),
    ...(task !== 'forbidden' && { execution: { taskSupport: task } }),
    ...(_meta !== undefined && { _meta }),
  };
}

/** Who a request comes from. */
export function callerOf({ authInfo, requestInfo }: RequestExtra): Caller {
  const accessToken = accessTokenOf(authInfo);
  return {
    principal: principalOf(authInfo),
    headers: requestInfo === undefined ? noHeaders : new CurrentHeaders(requestInfo.headers),
    ...(accessToken !== undefined && { accessToken }),
  };
}

const noHeaders = new CurrentHeaders();

/** `tools/call`, in the foreground or as a task. */
export function callTool(core: Core, facts: ConnectionFacts, rawParams: unknown, extra: RequestExtra): Promise<object> {
  const parsed = CallParams.safeParse(rawParams);
  if (!parsed.success) {
    throw new ProtocolError(rpcCode.invalidParams, `Invalid tools/call: ${z.prettifyError(parsed.error)}`);
  }
  const params = parsed.data;
  const component = core.catalog.find(params.name);
  if (component?.kind !== 'tool') throw new ProtocolError(rpcCode.invalidParams, `Unknown tool: ${params.name}`);
  if (params.task === undefined) {
    if (component.task === 'required') {
      throw new ProtocolError(
        rpcCode.methodNotFound,
        `Tool '${component.name}' runs only as a task. Call it with \`task\`.`,
      );
    }
    return callInForeground(core, facts, component, params, extra);
  }
  if (component.task === 'forbidden' || core.engine === undefined) {
    throw new ProtocolError(
      rpcCode.methodNotFound,
      `Tool '${component.name}' does not run as a task. Call it without \`task\`.`,
    );
  }
  return submit(core, core.engine, facts, component, params, extra);
}

async function callInForeground(
  core: Core,
  facts: ConnectionFacts,
  component: Component<CallFrame>,
  params: z.infer<typeof CallParams>,
  extra: RequestExtra,
): Promise<object> {
  const { clock, logger, disclosure, grace, questionDeadline } = core;
  const life = new CallLife(clock, component.timeout);
  const { requestId, sessionId } = extra;
  facts.calls.enter(requestId, life);
  let call: RunningCall | undefined;
  try {
    const parsed = parseInput(component, params.arguments);
    const channel = new SessionChannel(extra, params._meta?.progressToken, facts.shows, facts.streams);
    const frame: CallFrame = {
      component,
      mode: 'foreground',
      input: parsed instanceof Promise ? await parsed : parsed,
      channel,
      life,
      progress: new Progress(channel, life),
      caller: callerOf(extra),
      logger,
      client: facts.client(),
      requestId,
      sessionId,
      grace,
      questionDeadline,
    };
    call = new RunningCall(frame, facts.calls.leave);
    const result = component.output.toToolResult(await call.answer);
    return result instanceof Promise ? await result : result;
  } catch (thrown) {
    const failure = failureOf(component.name, thrown, logger.child({ requestId }), disclosure);
    if ('result' in failure) return failure.result;
    throw new ProtocolError(failure.error.code as number, failure.error.message, failure.error.data);
  } finally {
    life.finish();
    facts.calls.answered(requestId);
    if (call === undefined) facts.calls.leave();
  }
}

async function submit(
  { headers, retention }: Core,
  engine: Engine,
  facts: ConnectionFacts,
  component: Component<CallFrame>,
  params: z.infer<typeof CallParams>,
  extra: RequestExtra,
): Promise<object> {
  const taskId = newTaskId();
  const { capabilities, info, protocolVersion } = facts.client();
  const progressToken = params._meta?.progressToken;
  // The client cannot place news of a task before it knows the task.
  facts.feed.hold(taskId);
  facts.afterResponse(extra.requestId, () => facts.feed.release(taskId));
  try {
    const record = await submitTask(
      engine,
      {
        taskId,
        component,
        input: params.arguments ?? {},
        caller: callerOf(extra),
        session: facts.session,
        client: {
          capabilities,
          protocolVersion,
          requestId: extra.requestId,
          ...(info !== undefined && { info }),
          ...(progressToken !== undefined && { progressToken }),
          ...(extra.sessionId !== undefined && { sessionId: extra.sessionId }),
        },
        ...(params.task?.ttl !== undefined && { ttl: params.task.ttl }),
      },
      headers,
      retention,
    );
    // A task begins as `working`, however fast its worker was.
    return { task: { ...toTask(record), status: 'working' } };
  } catch (error) {
    if (ErrandError.is(error, 'INPUT_INVALID')) throw new ProtocolError(rpcCode.invalidParams, messageOf(error));
    throw error;
  }
}
