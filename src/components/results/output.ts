import { z } from 'zod';
import { ErrandError } from '../../base/errors.js';
import { throughJson, type Json } from '../../base/json.js';
import type { CallToolResult, GetPromptResult, ReadResourceResult } from '../../protocol/types.js';
import { asObject, hasOneWayTransform, toJsonSchema, type ObjectJsonSchema } from '../schema/json-schema.js';
import { moved, type JsonSchema } from '../schema/moved-schema.js';
import { encode } from '../schema/parse.js';
import { isContent, isToolResult, type Content } from './results.js';

/** The result of a client's request. */
export type ClientResult = CallToolResult | GetPromptResult | ReadResourceResult;

/** Converts a method's return value for clients and for the docket. */
export interface Output {
  /** The schema for clients; absent without a declared `output`. */
  readonly jsonSchema?: ObjectJsonSchema;
  /** Makes the client's result. `input` is the wire input. */
  toResult(value: unknown, input: unknown): Promise<ClientResult> | ClientResult;
  /** Makes the plain value, for the code that added the call to the docket. */
  toJson(value: unknown): Promise<Json | undefined>;
}

/**
 * Compiles the output of a tool or a job.
 *
 * @throws {ErrandError} `SCHEMA_UNSUPPORTED` for types that JSON schema cannot express and for one-way transforms.
 */
export function compileOutput(schema: z.ZodType | undefined, label: string): Output {
  const where = `${label}: output`;
  if (schema === undefined) {
    return {
      toResult: (value) => toToolResult(value, label),
      toJson: (value) => Promise.resolve(throughJson(value, `The return value of ${label}`)),
    };
  }
  if (hasOneWayTransform(schema)) {
    throw new ErrandError(
      'SCHEMA_UNSUPPORTED',
      `${where}: the schema has a one-way transform. Use z.codec(), which works both ways.`,
    );
  }
  const json = toJsonSchema(schema, where, 'out');
  const object = asObject(json);
  const wrapped = object === undefined;
  const whole = wrapped ? z.object({ result: schema }) : schema;
  return {
    jsonSchema: object ?? wrapResult(json),
    toResult: async (value) => {
      if (isContent(value) || isContentArray(value)) throw contentAlone(where);
      if (isToolResult(value)) return checkToolResult(value, whole, where);
      const encoded = throughJson(await encode(schema, value, 'OUTPUT_INVALID', where), where);
      if (encoded === undefined) throw nothingReturned(where);
      return structured(encoded, wrapped);
    },
    toJson: async (value) => throughJson(await encode(schema, value, 'OUTPUT_INVALID', where), where),
  };
}

function wrapResult({ $schema, ...json }: JsonSchema): ObjectJsonSchema {
  const $defs: JsonSchema = {};
  const result = moved(json, ['properties', 'result'], $defs);
  return {
    ...($schema !== undefined && { $schema }),
    type: 'object',
    properties: { result },
    required: ['result'],
    ...(Object.keys($defs).length > 0 && { $defs }),
  };
}

/** An object is its own structured content; any other value travels as `{ result }`. The text is for older clients. */
function structured(json: Json, wrapped: boolean): CallToolResult {
  const text = typeof json === 'string' ? json : JSON.stringify(json);
  const structuredContent = wrapped ? { result: json } : (json as Record<string, unknown>);
  return { content: [{ type: 'text', text }], structuredContent };
}

function toToolResult(value: unknown, label: string): CallToolResult {
  if (value === undefined) return { content: [] };
  if (typeof value === 'string') return { content: [{ type: 'text', text: value }] };
  if (isToolResult(value)) return asJson(value, `The return value of ${label}`);
  if (isContent(value)) return { content: [value] };
  if (isContentArray(value)) return { content: allContent(value, label) };
  const json = throughJson(value, `The return value of ${label}`) ?? null;
  return structured(json, typeof json !== 'object' || json === null || Array.isArray(json));
}

/** Checks the parts that the author supplied, which need not be JSON. */
const asJson = (result: CallToolResult, what: string): CallToolResult =>
  throughJson(result, what) as unknown as CallToolResult;

const isContentArray = (value: unknown): value is unknown[] => Array.isArray(value) && value.some(isContent);

function allContent(values: readonly unknown[], label: string): Content[] {
  const data = values.findIndex((value) => !isContent(value));
  if (data === -1) return values as Content[];
  throw new ErrandError(
    'OUTPUT_INVALID',
    `${label} returned an array of content whose element ${data} is a ${typeof values[data]}. Make it content with text(…), or return data only.`,
  );
}

function contentAlone(where: string): ErrandError {
  return new ErrandError(
    'OUTPUT_INVALID',
    `${where}: the method returned content alone, but the declared output promises structured content. Return the value, or toolResult({ content, structuredContent }).`,
  );
}

function nothingReturned(where: string): ErrandError {
  return new ErrandError(
    'OUTPUT_INVALID',
    `${where}: the method returned nothing, but the declared output promises structured content. Return null and declare it with .nullable(), or remove \`output\`.`,
  );
}

async function checkToolResult(result: CallToolResult, schema: z.ZodType, where: string): Promise<CallToolResult> {
  if (result.isError === true) return asJson(result, where);
  const structuredContent = await encode(
    schema,
    result.structuredContent,
    'OUTPUT_INVALID',
    `${where}, structuredContent`,
  );
  return asJson({ ...result, structuredContent: structuredContent as Record<string, unknown> }, where);
}
