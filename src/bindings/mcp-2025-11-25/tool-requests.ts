import { z } from 'zod';
import type { CallFrame, Caller, ClientFacts } from '../../call/frame.js';
import { CallLife } from '../../call/life.js';
import { ErrandError, messageOf } from '../../base/errors.js';
import { failureOf, successOf, type ToolOutcome } from '../../call/outcome.js';
import { accessTokenOf, CurrentHeaders, principalOf } from '../../call/principal.js';
import { Progress } from '../../call/progress.js';
import { parseInput, RunningCall } from '../../call/running-call.js';
import type { Component } from '../../components/component.js';
import type { Engine } from '../../docket/engine.js';
import { ProtocolError, rpcCode } from '../../protocol/errors.js';
import type { LoggingLevel, Tool } from '../../protocol/types.js';
import { newTaskId, submitTask } from '../../tasks/submit.js';
import type { Core } from '../core.js';
import { SessionChannel, type RequestExtra } from './session-channel.js';
import type { TaskFeed } from './task-feed.js';
import { toTask } from './task-view.js';

const CallParams = z.object({
  name: z.string(),
  arguments: z.record(z.string(), z.unknown()).optional(),
  task: z.object({ ttl: z.number().int().nonnegative().nullish() }).optional(),
  _meta: z.object({ progressToken: z.union([z.string(), z.number()]).optional() }).optional(),
});

/** What tool calls need to know of their connection. */
export interface ConnectionFacts {
  readonly session: string;
  readonly feed: TaskFeed;
  client(): ClientFacts & { readonly protocolVersion: string };
  readonly shows: (level: LoggingLevel) => boolean;
  /** A call is under way until the promise resolves. */
  track(released: Promise<void>): void;
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
    headers: new CurrentHeaders(requestInfo?.headers),
    ...(accessToken !== undefined && { accessToken }),
  };
}

/** `tools/call`, in the foreground or as a task. */
export async function callTool(
  core: Core,
  facts: ConnectionFacts,
  rawParams: unknown,
  extra: RequestExtra,
): Promise<object> {
  const parsed = CallParams.safeParse(rawParams);
  if (!parsed.success)
    throw new ProtocolError(rpcCode.invalidParams, `Invalid tools/call: ${z.prettifyError(parsed.error)}`);
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
    const outcome = await callInForeground(core, facts, component, params, extra);
    if ('error' in outcome)
      throw new ProtocolError(outcome.error.code as number, outcome.error.message, outcome.error.data);
    return outcome.result;
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
): Promise<ToolOutcome> {
  const { clock, logger, disclosure, grace, questionDeadline } = core;
  const life = new CallLife(clock, component.timeout);
  const onAbort = (): void => life.end(new ErrandError('CALL_CANCELLED', 'The client cancelled the call.'));
  extra.signal.addEventListener('abort', onAbort, { once: true });
  try {
    const parsed = parseInput(component, params.arguments);
    const channel = new SessionChannel(extra, params._meta?.progressToken, facts.shows);
    const call = new RunningCall({
      component,
      mode: 'foreground',
      input: parsed instanceof Promise ? await parsed : parsed,
      channel,
      life,
      progress: new Progress(channel, life),
      caller: callerOf(extra),
      logger,
      client: facts.client(),
      requestId: extra.requestId,
      grace,
      questionDeadline,
      ...(extra.sessionId !== undefined && { sessionId: extra.sessionId }),
    });
    facts.track(call.released);
    return await successOf(component, await call.answer, logger, disclosure);
  } catch (thrown) {
    return failureOf(component.name, thrown, logger, disclosure);
  } finally {
    life.finish();
    extra.signal.removeEventListener('abort', onAbort);
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
