import { z } from 'zod';
import { ErrandError } from '../base/errors.js';
import { throughJson, type Json } from '../base/json.js';
import type { CallToolResult } from '../protocol/types.js';
import { hasOneWayTransform, toJsonSchema, type ObjectJsonSchema } from './json-schema.js';
import { encode } from './parse.js';
import { isContent, isToolResult, type Content } from './results.js';

/** How what a method returns becomes what travels. */
export interface Output {
  /** What clients are told; absent where no `output` was declared. */
  readonly jsonSchema?: ObjectJsonSchema;
  /** The result of a tool call. */
  toToolResult(value: unknown): Promise<CallToolResult> | CallToolResult;
  /** The value alone, for whoever added the call to the docket. */
  toJson(value: unknown): Promise<Json | undefined>;
}

/** @throws {ErrandError} `SCHEMA_UNSUPPORTED` for what JSON schema cannot say and for one-way transforms. */
export function compileOutput(schema: z.ZodType | undefined, label: string): Output {
  const where = `${label}: output`;
  if (schema === undefined) {
    return {
      toToolResult: (value) => toToolResult(value, label),
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
  const wrapped = json.type !== 'object';
  const jsonSchema = (wrapped ? wrapResult(json) : json) as ObjectJsonSchema;
  return {
    jsonSchema,
    toToolResult: async (value) => {
      if (isContent(value)) throw refuseContent(where);
      if (isToolResult(value)) return checkToolResult(value, wrapped ? z.object({ result: schema }) : schema, where);
      return structured(throughJson(await encode(schema, value, 'OUTPUT_INVALID', where), where) ?? null, wrapped);
    },
    toJson: async (value) => throughJson(await encode(schema, value, 'OUTPUT_INVALID', where), where),
  };
}

const wrapResult = (json: object): object => ({ type: 'object', properties: { result: json }, required: ['result'] });

/** An object is its own structured content; everything else travels as `{ result }`. The text is for older clients. */
function structured(json: Json, wrapped: boolean): CallToolResult {
  const text = typeof json === 'string' ? json : JSON.stringify(json);
  const structuredContent = wrapped ? { result: json } : (json as Record<string, unknown>);
  return { content: [{ type: 'text', text }], structuredContent };
}

function toToolResult(value: unknown, label: string): CallToolResult {
  if (value === undefined) return { content: [] };
  if (typeof value === 'string') return { content: [{ type: 'text', text: value }] };
  if (isToolResult(value)) return value;
  if (isContent(value)) return { content: [value] };
  if (Array.isArray(value) && value.some(isContent)) return { content: allContent(value, label) };
  const json = throughJson(value, `What ${label} returned`) ?? null;
  return structured(json, typeof json !== 'object' || json === null || Array.isArray(json));
}

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

async function checkToolResult(result: CallToolResult, schema: z.ZodType, where: string): Promise<CallToolResult> {
  if (result.isError === true) return result;
  const structuredContent = await encode(
    schema,
    result.structuredContent,
    'OUTPUT_INVALID',
    `${where}, structuredContent`,
  );
  return { ...result, structuredContent: throughJson(structuredContent, where) as Record<string, unknown> };
}
