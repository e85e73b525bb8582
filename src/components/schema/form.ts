import type { z } from 'zod';
import { ErrandError } from '../../base/errors.js';
import type { Json } from '../../base/json.js';
import { toJsonSchema } from './json-schema.js';
import { dereferenced } from './moved-schema.js';

/** A form that a client shows to its user. */
export interface Form {
  /** The schema on the wire; always a flat object. */
  readonly requestedSchema: { [keyword: string]: Json };
  /** Whether the form asks for a scalar or an enum, as its only field `value`. */
  readonly wrapped: boolean;
}

type Keywords = Record<string, Json>;

/** The keywords that MCP allows for a field of a form (2025-11-25, client/elicitation). */
const fieldKeywords =
  'type title description default enum oneOf anyOf minLength maxLength format minimum maximum minItems maxItems items'.split(
    ' ',
  );
const formats = new Set(['email', 'uri', 'date', 'date-time']);

/**
 * Makes the form that asks for a value of a schema.
 *
 * @throws {ErrandError} `ELICITATION_SCHEMA` when the schema is not flat, `SCHEMA_UNSUPPORTED` when JSON schema cannot
 * express it.
 */
export function toForm(schema: z.ZodType, label: string): Form {
  const json = toJsonSchema(schema, `${label}: elicitation schema`, 'in') as Keywords;
  const wrapped = json.type !== 'object';
  const properties = (wrapped ? { value: json } : (json.properties ?? {})) as Record<string, Keywords>;
  const fields = Object.entries(properties).map(([name, field]) => [name, toField(name, field, json, label)] as const);
  if (fields.length === 0) {
    throw new ErrandError(
      'ELICITATION_SCHEMA',
      `${label}: the schema of a question has no fields, so there is nothing to answer. Ask for a z.boolean().`,
    );
  }
  const required = wrapped ? ['value'] : ((json.required ?? []) as string[]);
  return { requestedSchema: { type: 'object', properties: Object.fromEntries(fields), required }, wrapped };
}

function toField(name: string, described: Keywords, root: Keywords, label: string): Json {
  const json = simplified(described, root);
  const field: Keywords = {};
  for (const keyword of fieldKeywords) {
    if (json[keyword] !== undefined) field[keyword] = json[keyword];
  }
  if (field.type === 'array') field.items = simplified((field.items ?? {}) as Keywords, root);
  if (typeof field.format === 'string' && !formats.has(field.format)) delete field.format;
  if (isFlat(field)) return field;
  throw new ErrandError(
    'ELICITATION_SCHEMA',
    `${label}: the field '${name}' of a question is ${JSON.stringify(json.type ?? Object.keys(json))}, but forms are flat. ` +
      'Use strings, numbers, booleans, string enums and arrays of string enums, or ask twice.',
  );
}

/** Resolves what forms do not know: references, and choices written as a constant or as a union of strings. */
function simplified(described: Keywords, root: Keywords): Keywords {
  const { const: only, ...json } = dereferenced(described, root) as Keywords;
  if (only !== undefined) return { ...json, enum: [only] };
  if (json.type !== undefined || !Array.isArray(json.anyOf)) return json;
  const members = json.anyOf.map((member) => simplified(member as Keywords, root));
  if (!members.every((member) => member.type === 'string' && Array.isArray(member.enum))) return json;
  const { anyOf: _, ...rest } = json;
  return { ...rest, type: 'string', enum: members.flatMap((member) => member.enum as Json[]) };
}

function isFlat(field: Keywords): boolean {
  switch (field.type) {
    case 'string':
      return field.enum === undefined || (field.enum as Json[]).every((option) => typeof option === 'string');
    case 'number':
    case 'integer':
    case 'boolean':
      return field.enum === undefined;
    case 'array':
      return hasStringChoices(field.items as Keywords);
    default:
      return false;
  }
}

/** Whether the items of a multi-select are choices: strings, or strings with titles. */
function hasStringChoices({ enum: choices, anyOf: titled }: Keywords): boolean {
  if (Array.isArray(choices)) return choices.every((choice) => typeof choice === 'string');
  return Array.isArray(titled) && titled.every((choice) => typeof (choice as { const?: Json }).const === 'string');
}
