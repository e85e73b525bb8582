import { z } from 'zod';
import type { TraceContext } from '../../telemetry/tracing.js';
import { principalOf } from '../../call/principal.js';
import { ProtocolError } from '../../protocol/errors.js';
import type { Core } from '../core.js';
import { isTaskMethod } from './capabilities.js';
import { taskMethods } from './component-requests.js';
import type { RequestExtra } from './request-extra.js';

/** A request to observe, and its connection. */
export interface ObservedRequest {
  readonly method: string;
  readonly params: unknown;
  readonly extra: RequestExtra;
  readonly protocolVersion: string;
  /** Whether it came over HTTP. */
  readonly overHttp: boolean;
}

/** The parameters of interest to observers. Invalid ones are left out here, and refused where the request is handled. */
const Params = z.object({
  name: z.string().optional().catch(undefined),
  uri: z.string().optional().catch(undefined),
  taskId: z.string().optional().catch(undefined),
  _meta: z
    .object({ traceparent: z.string().max(256), tracestate: z.string().max(2_048).optional() })
    .optional()
    .catch(undefined),
});

/**
 * Handles a request in a span and measures it, by the semantic conventions for MCP. The client's trace comes in `_meta`
 * (SEP-414); without one, a request about a task continues the trace of the task.
 */
export async function observed(core: Core, request: ObservedRequest, handle: () => Promise<object>): Promise<object> {
  const { tracing, meters, clock } = core;
  if (!tracing.isSeen && !meters.isUsed) return handle();
  const params = Params.catch({}).parse(request.params);
  const target = targetOf(core, request.method, params.name);
  const names = { 'mcp.method.name': request.method, ...target.attributes };
  const about = tracing.isSeen ? await traceOfTask(core, request, params.taskId) : undefined;
  const began = clock.now();
  let failure: string | undefined;
  try {
    return await tracing.span(
      () => ({
        name: target.name === undefined ? request.method : `${request.method} ${target.name}`,
        kind: 'server',
        parent: params._meta,
        about,
        attributes: {
          ...names,
          'gen_ai.operation.name': request.method === 'tools/call' ? 'execute_tool' : undefined,
          'jsonrpc.request.id': String(request.extra.requestId),
          'mcp.protocol.version': request.protocolVersion,
          'mcp.resource.uri': params.uri,
          'mcp.session.id': request.extra.sessionId,
          'network.transport': request.overHttp ? 'tcp' : 'pipe',
        },
      }),
      async (span) => {
        const result = await handle();
        if (!('isError' in result) || result.isError !== true) return result;
        failure = 'tool_error';
        span.fail(failure);
        return result;
      },
    );
  } catch (error) {
    failure = error instanceof ProtocolError ? String(error.code) : '_OTHER';
    throw error;
  } finally {
    meters.time('requestDuration', clock.now() - began, {
      'gen_ai.tool.name': undefined,
      'gen_ai.prompt.name': undefined,
      ...names,
      'error.type': failure,
    });
  }
}

/** The component that a request names, if there is one: clients must not be able to make up attribute values. */
function targetOf({ catalog }: Core, method: string, name: string | undefined) {
  const kind = isTaskMethod(method) ? taskMethods[method] : undefined;
  if (name === undefined || (kind !== 'tool' && kind !== 'prompt')) return { attributes: {} };
  if (catalog.named(kind, name) === undefined) return { attributes: {} };
  return { name, attributes: kind === 'tool' ? { 'gen_ai.tool.name': name } : { 'gen_ai.prompt.name': name } };
}

/** The trace of a task. Polls stay out of it: they would outnumber everything else in it. */
async function traceOfTask(
  { engine, logger }: Core,
  { method, extra }: ObservedRequest,
  taskId: string | undefined,
): Promise<TraceContext | undefined> {
  if (engine === undefined || taskId === undefined || !['tasks/result', 'tasks/cancel'].includes(method)) {
    return undefined;
  }
  try {
    const record = await engine.get(taskId);
    return record?.owner === principalOf(extra.authInfo).id ? record.trace : undefined;
  } catch (error) {
    logger.debug('The trace of a task could not be read', { taskId, error });
    return undefined;
  }
}
