import { z } from 'zod';
import type { CallFrame } from '../../call/frame.js';
import { shown } from '../../base/shown.js';
import type { Component } from '../../components/component.js';
import { parseNow } from '../../components/schema/parse.js';
import { ProtocolError, rpcCode } from '../../protocol/errors.js';
import { longestId } from '../../protocol/json-rpc/shapes.js';
import type { Core } from '../core.js';

/** The requests that run components and may ask for a task, each with its kind of component. */
export const taskMethods = { 'tools/call': 'tool', 'prompts/get': 'prompt', 'resources/read': 'resource' } as const;

/** One of {@link taskMethods}. */
export type TaskMethod = keyof typeof taskMethods;

/** A parsed request for a component. */
export interface ComponentRequest {
  readonly component: Component<CallFrame>;
  /** As the client calls it: a name, or a URI. */
  readonly name: string;
  /** As received, before the component's schema parses it. */
  readonly input: unknown;
  /** Present if it is to run as a task. */
  readonly task: { readonly ttl?: number | null | undefined } | undefined;
  readonly progressToken: string | number | undefined;
}

/** The maximum length of a request id or progress token, in characters: both are stored with each task. */
export const longestToken = longestId;

/** Whether the id of a request is longer than {@link longestToken}. Its response would repeat it. */
export const isTooLong = (id: unknown): boolean => typeof id === 'string' && id.length > longestToken;

/** The error for such an id. */
export const idTooLong = `The id of a request may have at most ${longestToken} characters`;

const common = {
  task: z.object({ ttl: z.number().int().nonnegative().nullish() }).optional(),
  _meta: z.object({ progressToken: z.union([z.string().max(longestToken), z.number()]).optional() }).optional(),
};

const isRecord = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);

const CallParams = z.object({
  name: z.string(),
  // The tool's own schema parses the content.
  arguments: z.custom<Record<string, unknown>>(isRecord, 'expected an object').optional(),
  ...common,
});
const GetParams = z.object({ name: z.string(), arguments: z.record(z.string(), z.string()).optional(), ...common });
const ReadParams = z.object({ uri: z.string(), ...common });

/** JSON-RPC error code for an unknown resource (2025-11-25, server/resources). */
const resourceNotFound = -32002;

/**
 * Parses a request for a component.
 *
 * @throws {ProtocolError} `-32602` for malformed parameters and unknown names, `-32002` for an unknown resource.
 */
export function readRequest({ catalog }: Core, method: TaskMethod, params: unknown): ComponentRequest {
  switch (method) {
    case 'tools/call': {
      const { name, arguments: input = {}, task, _meta } = parseParams(CallParams, params, method);
      const component = catalog.named('tool', name) ?? unknown('tool', name);
      return { component, name, input, task, progressToken: _meta?.progressToken };
    }
    case 'prompts/get': {
      const { name, arguments: input = {}, task, _meta } = parseParams(GetParams, params, method);
      const component = catalog.named('prompt', name) ?? unknown('prompt', name);
      return { component, name, input, task, progressToken: _meta?.progressToken };
    }
    case 'resources/read': {
      const { uri, task, _meta } = parseParams(ReadParams, params, method);
      const component = catalog.at(uri);
      if (component === undefined) throw new ProtocolError(resourceNotFound, 'Resource not found', { uri: shown(uri) });
      return { component, name: uri, input: { uri }, task, progressToken: _meta?.progressToken };
    }
  }
}

function unknown(kind: 'tool' | 'prompt', name: string): never {
  throw new ProtocolError(rpcCode.invalidParams, `Unknown ${kind}: ${shown(name)}`);
}

/**
 * Parses the parameters of a request; `what` names it in the error.
 *
 * @throws {ProtocolError} `-32602`, naming the field.
 */
export function parseParams<T>(schema: z.ZodType<T>, params: unknown, what: string): T {
  const parsed = parseNow(schema, params);
  if (parsed.ok) return parsed.value;
  throw new ProtocolError(rpcCode.invalidParams, `Invalid ${what}: ${parsed.issues}`);
}
