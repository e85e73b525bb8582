import { z } from 'zod';
import { ErrandError } from '../../base/errors.js';
import { fitPart, type Direction, type Part } from './fitted-part.js';
import { checkReferences, dereferenced, mapSchemas, moved, type JsonSchema } from './moved-schema.js';

/** A JSON schema with an object at the top, as MCP requires for arguments and structured content. */
export interface ObjectJsonSchema {
  [keyword: string]: unknown;
  readonly type: 'object';
  readonly properties?: Record<string, object>;
  readonly required?: string[];
}

/** Types that zod can parse but JSON schema cannot express. */
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

/** Changes the JSON schema of a part that has another type on the wire. */
type Adjustment = (part: Part) => void;

/**
 * Makes the JSON schema of the wire type. Whatever fits it is accepted, and whatever is sent fits it, also by the
 * validators of clients, most of which know draft 7 only.
 *
 * @throws {ErrandError} `SCHEMA_UNSUPPORTED` with the path of the part that JSON schema cannot express.
 */
export function toJsonSchema(schema: z.ZodType, where: string, direction: Direction, adjust?: Adjustment): JsonSchema {
  let refused: string | undefined;
  const dialect = z.globalRegistry.get(schema)?.$schema;
  const converted = z.toJSONSchema(schema, {
    io: 'input',
    target: typeof dialect === 'string' && dialect.includes('draft-07') ? 'draft-07' : 'draft-2020-12',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema, path }) => {
      const part = { zodSchema, jsonSchema };
      adjust?.(part);
      fitPart(part, direction);
      const kind = inexpressibleKind(zodSchema);
      if (kind !== undefined) refused ??= `${pathText(path)} is a ${kind}`;
    },
  }) as JsonSchema;
  if (refused !== undefined) {
    throw new ErrandError(
      'SCHEMA_UNSUPPORTED',
      `${where}: ${refused}, which JSON schema cannot express. Use a JSON type, or z.codec() to convert from one.`,
    );
  }
  // The JSON schema of a schema with an id is a reference to itself.
  return published(dereferenced(converted, converted), dialect, where);
}

/** Finishes a JSON schema for clients. */
function published(converted: JsonSchema, dialect: unknown, where: string): JsonSchema {
  const $defs: JsonSchema = {};
  const body = moved(mapSchemas(converted, closedTuple), [], $defs);
  const json = {
    // Only what the author wrote: without it, MCP means 2020-12.
    ...(dialect !== undefined && { $schema: dialect }),
    ...body,
    ...(Object.keys($defs).length > 0 && { $defs }),
  };
  checkReferences(json, where);
  return json;
}

/**
 * Writes a tuple so that draft 7 reads no more into it than it knows: there, `items` beside `prefixItems` applies to all
 * items. In 2020-12, `unevaluatedItems` says the same of the rest.
 */
function closedTuple(part: JsonSchema): JsonSchema {
  if (!Array.isArray(part.prefixItems) || part.items === undefined) return part;
  const { items, ...rest } = part;
  return items === false
    ? { ...rest, maxItems: part.maxItems ?? part.prefixItems.length }
    : { ...rest, unevaluatedItems: items };
}

function inexpressibleKind({ _zod: { def } }: z.core.$ZodTypes): string | undefined {
  if (inexpressible.has(def.type)) return `z.${def.type}()`;
  const values = def.type === 'literal' ? def.values.filter((value) => !isJsonScalar(value)) : [];
  return values.length === 0 ? undefined : `z.literal(${String(values[0])}${typeof values[0] === 'bigint' ? 'n' : ''})`;
}

const isJsonScalar = (value: unknown): boolean =>
  value === null || typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value);

/**
 * As {@link toJsonSchema}, for a schema that must have an object, or a union of objects, at the top.
 *
 * @throws {ErrandError} `SCHEMA_UNSUPPORTED`, also when the top is not an object.
 */
export function toObjectJsonSchema(schema: z.ZodType, where: string): ObjectJsonSchema {
  const json = toJsonSchema(schema, where, 'in');
  const object = asObject(json);
  if (object !== undefined) return object;
  throw new ErrandError(
    'SCHEMA_UNSUPPORTED',
    `${where}: the schema has ${JSON.stringify(json.type ?? json)} at the top, but MCP arguments are an object. Wrap it: z.object({ … }).`,
  );
}

/** The same schema with an object at the top, if it describes only objects. */
export function asObject(json: JsonSchema): ObjectJsonSchema | undefined {
  return describesObjects(json, json) ? { ...json, type: 'object' } : undefined;
}

function describesObjects(part: JsonSchema, root: JsonSchema): boolean {
  const json = dereferenced(part, root);
  if (json.type === 'object') return true;
  for (const [keyword, holds] of [
    ['anyOf', 'every'],
    ['oneOf', 'every'],
    ['allOf', 'some'],
  ] as const) {
    const members = json[keyword] as JsonSchema[] | undefined;
    if (members !== undefined && members.length > 0) {
      return members[holds]((member) => describesObjects(member, root));
    }
  }
  return false;
}

/** Names the part at a path: `['properties', 'when']` is `when`, and the top is `the schema`. */
function pathText(path: readonly (string | number)[]): string {
  const names: (string | number)[] = [];
  for (let at = 0; at < path.length; at++) {
    // After the keyword comes a name of the author's, which may itself be `properties`.
    const step = path[path[at] === 'properties' ? ++at : at];
    if (step !== undefined) names.push(step);
  }
  return names.length === 0 ? 'the schema' : names.join('.');
}

/** Whether a schema contains a one-way transform, which `z.encode` would refuse. */
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
        // Zod shows only the output of a pipe. z.preprocess and pipes after a transform hide the transform in the input.
        found ||= def.type === 'transform' || (def.type === 'pipe' && holds(def.in));
      },
    });
    return found;
  };
  return holds(schema);
}
