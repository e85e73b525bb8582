import type { CallFrame, ClientFacts } from '../../call/frame.js';
import { CallScope } from '../../call/call-scope.js';
import type { Logger } from '../../base/logger.js';
import { shown } from '../../base/shown.js';
import { failureOf } from '../../call/outcome.js';
import { makeFrame, parseInput, runCall } from '../../call/pipeline.js';
import type { Component } from '../../components/component.js';
import type { Engine } from '../../docket/engine/engine.js';
import { ProtocolError, rpcCode } from '../../protocol/errors.js';
import type { LoggingLevel } from '../../protocol/types.js';
import { newTaskId, submitTask, toRefusal } from '../../tasks/submit.js';
import type { Core } from '../core.js';
import type { ClientAccount } from '../shares.js';
import { readRequest, type ComponentRequest, type TaskMethod } from './component-requests.js';
import type { ForegroundCalls } from './foreground/foreground-calls.js';
import type { ForegroundQuestions } from './foreground/foreground-questions.js';
import { ForegroundChannel } from './foreground/foreground-channel.js';
import type { News } from './news.js';
import { callerOf, type RequestExtra } from './request-extra.js';
import type { Streams } from './streams.js';
import type { TaskFeed } from './tasks/task-feed.js';
import { toTask } from './tasks/task-view.js';

/** The `_meta` key of the text that the model gets at once (2025-11-25, basic/utilities/tasks). */
const immediateResponseKey = 'io.modelcontextprotocol/model-immediate-response';

/** The connection of a call. */
export interface ConnectionFacts {
  readonly session: string;
  readonly feed: TaskFeed;
  client(): ClientFacts & { readonly protocolVersion: string };
  readonly shows: (level: LoggingLevel) => boolean;
  readonly calls: ForegroundCalls;
  readonly questions: ForegroundQuestions;
  readonly news: News;
  /** The client as one of many; undefined where there is only one. */
  readonly account: ClientAccount | undefined;
  readonly streams: Streams;
  /** Runs something once the response to the request has been handed to the transport. */
  afterResponse(request: string | number, run: () => void): void;
}

/** Handles a request for a component: runs it in the foreground, or submits a task. */
export function callComponent(
  core: Core,
  facts: ConnectionFacts,
  method: TaskMethod,
  params: unknown,
  extra: RequestExtra,
): Promise<object> {
  const request = readRequest(core, method, params);
  const { component, task } = request;
  if (task === undefined) {
    if (component.task === 'required') throw refuseMode(request, 'runs only as a task. Call it with `task`.');
    return callInForeground(core, facts, request, extra);
  }
  if (component.task === 'forbidden' || core.engine === undefined) {
    throw refuseMode(request, 'does not run as a task. Call it without `task`.');
  }
  return submit(core, core.engine, facts, request, task, extra);
}

function refuseMode({ component: { kind }, name }: ComponentRequest, why: string): ProtocolError {
  const title = `${kind.charAt(0).toUpperCase()}${kind.slice(1)} '${shown(name)}'`;
  return new ProtocolError(rpcCode.methodNotFound, `${title} ${why}`);
}

async function callInForeground(
  core: Core,
  facts: ConnectionFacts,
  { component, input, progressToken }: ComponentRequest,
  extra: RequestExtra,
): Promise<object> {
  const { clock, logger, disclosure } = core;
  const reached = facts.account?.share.take('calls');
  if (reached !== undefined) throw reached.toProtocolError();
  const scope = new CallScope(clock, component.timeout);
  const { requestId, sessionId } = extra;
  facts.calls.enter(requestId, scope);
  const channel = new ForegroundChannel(extra, progressToken, facts, scope);
  const frame = makeFrame(core, {
    component,
    mode: 'foreground',
    input,
    channel,
    scope,
    caller: callerOf(extra),
    logger,
    client: facts.client(),
    requestId,
    sessionId,
  });
  const outcome = await runCall(frame, 'client', () => {
    facts.calls.leave();
    facts.account?.share.give('calls');
  });
  scope.finish();
  channel.sendUnsent();
  facts.calls.answered(requestId);
  if (outcome.type === 'returned') return outcome.value as object;
  // This generation keeps the stream of a call open, so nothing suspends one here.
  const thrown = outcome.type === 'failed' ? outcome.thrown : scope.over;
  const failure = failureOf(component, thrown, logger.child({ requestId }), disclosure);
  if ('result' in failure) return failure.result;
  throw new ProtocolError(failure.error.code as number, failure.error.message, failure.error.data);
}

async function submit(
  core: Core,
  engine: Engine,
  facts: ConnectionFacts,
  { component, input, progressToken }: ComponentRequest,
  { ttl }: NonNullable<ComponentRequest['task']>,
  extra: RequestExtra,
): Promise<object> {
  const taskId = newTaskId();
  const { capabilities, info, protocolVersion } = facts.client();
  // News of a task means nothing to a client that does not know the task yet.
  facts.feed.hold(taskId);
  facts.afterResponse(extra.requestId, () => facts.feed.release(taskId));
  try {
    const record = await submitTask(
      engine,
      {
        taskId,
        component,
        input,
        caller: callerOf(extra),
        session: facts.session,
        sender: facts.account?.sender(),
        client: {
          capabilities,
          protocolVersion,
          requestId: extra.requestId,
          ...(info !== undefined && { info }),
          ...(progressToken !== undefined && { progressToken }),
          ...(extra.sessionId !== undefined && { sessionId: extra.sessionId }),
        },
        ...(ttl !== undefined && { ttl }),
      },
      core,
    );
    const immediate = await immediateResponse(component, input, core.logger);
    // The request gets no response, so nobody would know of the task or could cancel it.
    if (extra.signal.aborted) await engine.cancel(taskId, 'The request for the task was cancelled');
    // A task begins as `working`, however fast its worker is.
    return { task: { ...toTask(record), status: 'working' }, ...immediate };
  } catch (error) {
    throw toRefusal(error);
  }
}

/**
 * The text for the model while the task runs. The task already exists, so a function that fails costs only the text.
 */
async function immediateResponse(
  component: Component<CallFrame>,
  input: unknown,
  logger: Logger,
): Promise<{ _meta?: Record<string, unknown> }> {
  const { declaration } = component;
  const text = declaration.kind === 'tool' ? declaration.options.immediateResponse : undefined;
  if (text === undefined) return {};
  try {
    return {
      _meta: { [immediateResponseKey]: typeof text === 'string' ? text : text(await parseInput(component, input)) },
    };
  } catch (error) {
    logger.error('immediateResponse failed and was left out', { tool: component.name, error });
    return {};
  }
}
