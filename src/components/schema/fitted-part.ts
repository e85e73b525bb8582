import type { z } from 'zod';
import type { JsonSchema } from './moved-schema.js';

type Schema = z.core.$ZodType;

/** Which way the values travel: arguments and answers come in, results go out. */
export type Direction = 'in' | 'out';

/** A part of a schema, as zod and as JSON schema. */
export interface Part {
  readonly zodSchema: z.core.$ZodTypes;
  readonly jsonSchema: JsonSchema;
}

/** Makes the JSON schema of a part say what is accepted, or sent, where zod's own says something else. */
export function fitPart(part: Part, direction: Direction): void {
  fitPresence(part, direction);
  fitText(part, direction);
}

/** Lists as required what is always sent, or what must be received. Zod ignores `catch` and what encoding fills in. */
function fitPresence({ zodSchema: { _zod }, jsonSchema }: Part, direction: Direction): void {
  const { def } = _zod;
  const isRequired = (field: z.core.$ZodType): boolean =>
    direction === 'in' ? !mayBeAbsent(field) : isAlwaysSent(field);
  if (def.type === 'object') {
    setRequired(
      jsonSchema,
      Object.entries(def.shape).flatMap(([name, field]) => (isRequired(field) ? [name] : [])),
    );
  } else if (def.type === 'record') {
    const keys = [...(def.keyType._zod.values ?? [])];
    const isPartial = keys.length === 0 || (def as { partial?: boolean }).partial === true;
    setRequired(jsonSchema, isPartial || !isRequired(def.valueType) ? [] : keys.map(String));
  } else if (def.type === 'tuple') {
    const least = def.items.findLastIndex(isRequired) + 1;
    delete jsonSchema.minItems;
    if (least > 0) jsonSchema.minItems = least;
  }
}

function setRequired(jsonSchema: JsonSchema, names: readonly string[]): void {
  delete jsonSchema.required;
  if (names.length > 0) jsonSchema.required = names;
}

/**
 * Removes what validators of clients understand in another way. Results are checked before they are sent, and arguments
 * when they arrive, so nothing is lost but a hint.
 */
function fitText({ zodSchema: { _zod }, jsonSchema }: Part, direction: Direction): void {
  const unusable = patternsOf(_zod).flatMap((pattern) => (isPortable(pattern) ? [] : [pattern.source]));
  if (unusable.length > 0) {
    if (unusable.includes(String(jsonSchema.pattern))) delete jsonSchema.pattern;
    if (Array.isArray(jsonSchema.allOf)) {
      const rest = (jsonSchema.allOf as JsonSchema[]).filter(({ pattern }) => !unusable.includes(String(pattern)));
      delete jsonSchema.allOf;
      if (rest.length > 0) jsonSchema.allOf = rest;
    }
  }
  // Zod also calls `ends_with` a format. Validators warn of every format that they do not know.
  const isNamedByZod = checkDefs(_zod).some(({ format }) => format === jsonSchema.format);
  if (isNamedByZod && !formats.has(jsonSchema.format)) delete jsonSchema.format;
  // JSON schema's times have a time zone, and its URIs no space and no umlaut.
  const isZoneless = jsonSchema.format === 'time' || (jsonSchema.format === 'date-time' && isLoose(_zod.def));
  if (isZoneless) delete jsonSchema.format;
  if (direction === 'out' && jsonSchema.format === 'uri') delete jsonSchema.format;
  // 0.3 is no multiple of 0.1 for those who divide.
  if (!Number.isInteger(jsonSchema.multipleOf ?? 1)) delete jsonSchema.multipleOf;
}

/** The formats that JSON schema and zod have by the same name. */
const formats = new Set<unknown>(['date', 'duration', 'email', 'hostname', 'ipv4', 'ipv6', 'uuid']);

/** A string's definition and those of its checks, either of which may have a format or a pattern. */
const checkDefs = ({ def }: z.core.$ZodTypes['_zod']): readonly CheckDef[] =>
  [def, ...(def.checks ?? []).map((check) => check._zod.def)] as readonly object[];

interface CheckDef {
  readonly format?: unknown;
  readonly pattern?: unknown;
}

/** Every pattern of a string; older versions of zod keep them in the bag only. */
const patternsOf = (internals: z.core.$ZodTypes['_zod']): RegExp[] => [
  ...checkDefs(internals).flatMap(({ pattern }) => (pattern instanceof RegExp ? [pattern] : [])),
  ...((internals.bag.patterns ?? []) as Iterable<RegExp>),
];

/** Whether a date-time may have no time zone, or no seconds. */
const isLoose = (def: object): boolean => {
  const { local, precision } = def as { readonly local?: boolean; readonly precision?: number | null };
  return local === true || precision === -1;
};

/** JSON schema has no flags, and validators compile patterns with the flag `u`, which is stricter. */
function isPortable({ source, flags }: RegExp): boolean {
  if (/[imsvy]/.test(flags)) return false;
  try {
    new RegExp(source, 'u');
    return true;
  } catch {
    return false;
  }
}

/**
 * Whether an object may be *received* without a property of this schema. Zod lists one with `catch` as required, although
 * it accepts its absence.
 */
function mayBeAbsent(schema: Schema): boolean {
  return schema._zod.optin !== undefined && !beginsWithTransform(schema);
}

/** What a transform makes of an absent value is not known, so its key counts as required where zod says so. */
function beginsWithTransform({ _zod: { def } }: Schema): boolean {
  if (def.type === 'transform') return true;
  return def.type === 'pipe' && beginsWithTransform((def as z.core.$ZodPipeDef).in);
}

/** Whether an object that was *encoded* always has a property of this schema. */
function isAlwaysSent(schema: Schema, within: ReadonlySet<Schema> = new Set()): boolean {
  if (within.has(schema)) return false;
  const { def, optin } = (schema as z.core.$ZodTypes)._zod;
  const inner = (part: Schema): boolean => isAlwaysSent(part, new Set([...within, schema]));
  switch (def.type) {
    case 'default':
    case 'prefault':
      return def.defaultValue !== undefined;
    case 'optional':
      // An absent value reaches the inner schema only if that has a default.
      return optin === 'defaulted' && inner(def.innerType);
    case 'nonoptional':
      return true;
    case 'catch':
    case 'nullable':
    case 'readonly':
      return inner(def.innerType);
    case 'lazy':
      return inner((schema as z.core.$ZodLazy)._zod.innerType);
    case 'pipe':
      return inner(def.in);
    case 'union':
      return def.options.every(inner);
    case 'any':
    case 'unknown':
    case 'undefined':
    case 'void':
      return false;
    default:
      return optin === undefined;
  }
}
