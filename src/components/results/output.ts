import { z } from 'zod';
import { ErrandError } from '../../base/errors.js';
import { throughJson, type Json } from '../../base/json.js';
import type { CallToolResult, GetPromptResult, ReadResourceResult } from '../../protocol/types.js';
import { asObject, hasOneWayTransform, toJsonSchema, type ObjectJsonSchema } from '../schema/json-schema.js';
import { encode } from '../schema/parse.js';
import { isContent, isToolResult, type Content } from './results.js';

/** What a request of a client is answered. */
export type ClientResult = CallToolResult | GetPromptResult | ReadResourceResult;

/** How what a method returns becomes what travels. */
export interface Output {
  /** What clients are told; absent where no `output` was declared. */
  readonly jsonSchema?: ObjectJsonSchema;
  /** What the client is answered. `input` is the input as it travelled. */
  toResult(value: unknown, input: unknown): Promise<ClientResult> | ClientResult;
  /** The value alone, for whoever added the call to the docket. */
  toJson(value: unknown): Promise<Json | undefined>;
}

/**
 * How what a tool or a job returns becomes what travels.
 *
 * @throws {ErrandError} `SCHEMA_UNSUPPORTED` for what JSON schema cannot say and for one-way transforms.
 */
export function compileOutput(schema: z.ZodType | undefined, label: string): Output {
  const where = `${label}: output`;
  if (schema === undefined) {
    return {
      toResult: (value) => toToolResult(value, label),
      toJson: (value) => Promise.resolve(throughJson(value, `What ${label} returned`)),
    };
  }
  if (hasOneWayTransform(schema)) {
    throw new ErrandError(
      'SCHEMA_UNSUPPORTED',
      `${where}: the schema has a transform that cannot be turned around. Use z.codec(), which can.`,
    );
  }
  const json = toJsonSchema(schema, where);
  const object = asObject(json);
  const wrapped = object === undefined;
  return {
    jsonSchema: object ?? wrapResult(json),
    toResult: async (value) => {
      if (isContent(value) || isContentArray(value)) throw refuseContent(where);
      if (isToolResult(value)) return checkToolResult(value, wrapped ? z.object({ result: schema }) : schema, where);
      const encoded = throughJson(await encode(schema, value, 'OUTPUT_INVALID', where), where);
      if (encoded === undefined) throw refuseNothing(where);
      return structured(encoded, wrapped);
    },
    toJson: async (value) => throughJson(await encode(schema, value, 'OUTPUT_INVALID', where), where),
  };
}

const wrapResult = (json: object): ObjectJsonSchema => ({
  type: 'object',
  properties: { result: json },
  required: ['result'],
});

/** An object is its own structured content; everything else travels as `{ result }`. The text is for older clients. */
function structured(json: Json, wrapped: boolean): CallToolResult {
  const text = typeof json === 'string' ? json : JSON.stringify(json);
  const structuredContent = wrapped ? { result: json } : (json as Record<string, unknown>);
  return { content: [{ type: 'text', text }], structuredContent };
}

function toToolResult(value: unknown, label: string): CallToolResult {
  if (value === undefined) return { content: [] };
  if (typeof value === 'string') return { content: [{ type: 'text', text: value }] };
  if (isToolResult(value)) return travelling(value, `What ${label} returned`);
  if (isContent(value)) return { content: [value] };
  if (isContentArray(value)) return { content: allContent(value, label) };
  const json = throughJson(value, `What ${label} returned`) ?? null;
  return structured(json, typeof json !== 'object' || json === null || Array.isArray(json));
}

/** As the client gets it; what its author put into it need not be JSON. */
const travelling = (result: CallToolResult, what: string): CallToolResult =>
  throughJson(result, what) as unknown as CallToolResult;

const isContentArray = (value: unknown): value is unknown[] => Array.isArray(value) && value.some(isContent);

function allContent(values: readonly unknown[], label: string): Content[] {
  const strange = values.findIndex((value) => !isContent(value));
  if (strange === -1) return values as Content[];
  throw new ErrandError(
    'OUTPUT_INVALID',
    `${label} returned an array of content whose element ${strange} is a ${typeof values[strange]}. Make it content with text(…), or return data only.`,
  );
}

function refuseContent(where: string): ErrandError {
  return new ErrandError(
    'OUTPUT_INVALID',
    `${where}: content alone was returned, but the declared output promises structured content. Return the value, or toolResult({ content, structuredContent }).`,
  );
}

function refuseNothing(where: string): ErrandError {
  return new ErrandError(
    'OUTPUT_INVALID',
    `${where}: nothing was returned, but the declared output promises structured content. Return null and declare it with .nullable(), or leave \`output\` out.`,
  );
}

async function checkToolResult(result: CallToolResult, schema: z.ZodType, where: string): Promise<CallToolResult> {
  if (result.isError === true) return travelling(result, where);
  const structuredContent = await encode(
    schema,
    result.structuredContent,
    'OUTPUT_INVALID',
    `${where}, structuredContent`,
  );
  return travelling({ ...result, structuredContent: structuredContent as Record<string, unknown> }, where);
}
