import { z } from 'zod';
import { ErrandError } from '../../base/errors.js';

/** A JSON schema whose top is an object, as MCP wants it for arguments and structured content. */
export interface ObjectJsonSchema {
  [keyword: string]: unknown;
  readonly type: 'object';
  readonly properties?: Record<string, object>;
  readonly required?: string[];
}

/** What zod can parse but JSON schema cannot say. */
const inexpressible = new Set([
  'bigint',
  'symbol',
  'undefined',
  'void',
  'date',
  'file',
  'map',
  'set',
  'nan',
  'custom',
  'function',
  'promise',
  'transform',
]);

/** Changes the JSON schema of a part where it travels as something else. */
type Adjustment = (part: { readonly zodSchema: z.core.$ZodTypes; readonly jsonSchema: object }) => void;

/**
 * The JSON schema of what travels.
 *
 * @throws {ErrandError} `SCHEMA_UNSUPPORTED` with the path of what JSON schema cannot express.
 */
export function toJsonSchema(schema: z.ZodType, where: string, adjust?: Adjustment): Record<string, unknown> {
  let refused: string | undefined;
  const json = z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema, path }) => {
      adjust?.({ zodSchema, jsonSchema });
      const strange = refusedKind(zodSchema);
      if (strange !== undefined) refused ??= `${pathText(path)} is a ${strange}`;
    },
  }) as Record<string, unknown>;
  if (refused !== undefined) {
    throw new ErrandError(
      'SCHEMA_UNSUPPORTED',
      `${where}: ${refused}, which JSON schema cannot express. Use a type of JSON there, or z.codec() from one to what the method takes.`,
    );
  }
  delete json.$schema;
  // A schema with an id is a reference to itself at the top.
  return dereferenced(json, json.$defs);
}

function refusedKind({ _zod: { def } }: z.core.$ZodTypes): string | undefined {
  if (inexpressible.has(def.type)) return `z.${def.type}()`;
  const odd = def.type === 'literal' ? def.values.filter((value) => !isJsonScalar(value)) : [];
  return odd.length === 0 ? undefined : `z.literal(${String(odd[0])}${typeof odd[0] === 'bigint' ? 'n' : ''})`;
}

const isJsonScalar = (value: unknown): boolean =>
  value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value);

/** A part of a JSON schema itself, where it is a reference to one of the definitions. */
export function dereferenced(part: Record<string, unknown>, definitions: unknown): Record<string, unknown> {
  const { $ref, ...rest } = part;
  if (typeof $ref !== 'string' || !$ref.startsWith('#/$defs/')) return part;
  const definition = (definitions as Record<string, object>)[$ref.slice('#/$defs/'.length)];
  return { ...definition, ...rest };
}

/**
 * The same for something that must be an object at the top; a union of objects is one.
 *
 * @throws {ErrandError} `SCHEMA_UNSUPPORTED` also when the top is not an object.
 */
export function toObjectJsonSchema(schema: z.ZodType, where: string): ObjectJsonSchema {
  const json = toJsonSchema(schema, where);
  const object = asObject(json);
  if (object !== undefined) return object;
  throw new ErrandError(
    'SCHEMA_UNSUPPORTED',
    `${where}: the schema gives ${JSON.stringify(json.type ?? json)} at the top, but MCP arguments are an object. Wrap it: z.object({ … }).`,
  );
}

/** The same schema with an object at its top, where it describes nothing but objects. */
export function asObject(json: Record<string, unknown>): ObjectJsonSchema | undefined {
  return describesObjects(json, json.$defs) ? { ...json, type: 'object' } : undefined;
}

function describesObjects(part: Record<string, unknown>, definitions: unknown): boolean {
  const json = dereferenced(part, definitions);
  if (json.type === 'object') return true;
  for (const [keyword, holds] of [
    ['anyOf', 'every'],
    ['oneOf', 'every'],
    ['allOf', 'some'],
  ] as const) {
    const members = json[keyword] as Record<string, unknown>[] | undefined;
    if (members !== undefined && members.length > 0) {
      return members[holds]((member) => describesObjects(member, definitions));
    }
  }
  return false;
}

/** `['properties', 'when']` reads `when`; the top reads `the schema`. */
function pathText(path: readonly (string | number)[]): string {
  const names: (string | number)[] = [];
  for (let at = 0; at < path.length; at++) {
    // What follows the keyword is a name of the author's, even when that is `properties`.
    const step = path[path[at] === 'properties' ? ++at : at];
    if (step !== undefined) names.push(step);
  }
  return names.length === 0 ? 'the schema' : names.join('.');
}

/** Whether a schema holds a transform that cannot be turned around, so that `z.encode` would refuse it. */
export function hasOneWayTransform(schema: z.ZodType): boolean {
  const seen = new Set<unknown>();
  const holds = (part: z.core.$ZodType): boolean => {
    if (seen.has(part)) return false;
    seen.add(part);
    let found = false;
    z.toJSONSchema(part, {
      io: 'output',
      unrepresentable: 'any',
      override: ({ zodSchema }) => {
        const { def } = zodSchema._zod;
        // Of a pipe only the output is shown; z.preprocess and what follows a transform hide theirs in the input.
        found ||= def.type === 'transform' || (def.type === 'pipe' && holds(def.in));
      },
    });
    return found;
  };
  return holds(schema);
}
