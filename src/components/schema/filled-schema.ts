import { z } from 'zod';
import { mapChildren } from './schema-tree.js';

type Schema = z.core.$ZodType;

/**
 * Returns a schema that encodes as `schema` does, but fills in defaults, prefaults and catches on the way out as well.
 * Zod applies them only when it parses, so what a client is promised would depend on the direction. A schema without
 * them is returned as it is. Copies are cached by schema.
 */
export function filledSchema<S extends z.ZodType>(schema: S): S {
  return copyOf(schema) as unknown as S;
}

const copies = new WeakMap<Schema, Schema | 'unfinished'>();

function copyOf(schema: Schema): Schema {
  const copy = copies.get(schema);
  // A schema that contains itself: its copy is finished before anything is encoded.
  if (copy === 'unfinished') return z.lazy(() => finished(copies.get(schema)) ?? schema);
  if (copy !== undefined) return copy;
  copies.set(schema, 'unfinished');
  try {
    const made = filled(mapChildren(schema, copyOf));
    copies.set(schema, made);
    return made;
  } catch (error) {
    copies.delete(schema);
    throw error;
  }
}

const finished = (copy: Schema | 'unfinished' | undefined): Schema | undefined =>
  typeof copy === 'object' ? copy : undefined;

function filled(schema: Schema): Schema {
  const { def } = (schema as z.core.$ZodTypes)._zod;
  switch (def.type) {
    case 'default':
      return encodedBy(schema, (value) => (value === undefined ? def.defaultValue : value));
    case 'prefault':
      // A prefault is a value of the wire, so it is decoded before it is encoded.
      return encodedBy(schema, (value) =>
        value === undefined ? z.decodeAsync(def.innerType, def.defaultValue) : value,
      );
    case 'catch':
      return encodedBy(schema, async (value) => {
        const result = await z.safeEncodeAsync(def.innerType, value);
        if (result.success) return value;
        const { issues } = result.error;
        const context: object = { value, issues: [], input: value, error: { issues } };
        return def.catchValue(context as z.core.$ZodCatchCtx);
      });
    default:
      return schema;
  }
}

/** Changes a value before `schema` encodes it. */
const encodedBy = (schema: Schema, encode: (value: unknown) => unknown): Schema =>
  z.codec(schema, z.any(), { decode: (value) => value, encode });
