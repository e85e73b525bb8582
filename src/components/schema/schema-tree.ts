import { z } from 'zod';

type Schema = z.core.$ZodType;
type Def = z.core.$ZodTypeDef & Readonly<Record<string, unknown>>;

/** The keys of a definition that hold other schemas, by its type. `lazy` is not among them: it holds a function. */
const childKeys: Readonly<Record<string, readonly string[]>> = {
  array: ['element'],
  set: ['valueType'],
  map: ['keyType', 'valueType'],
  record: ['keyType', 'valueType'],
  tuple: ['items', 'rest'],
  object: ['shape', 'catchall'],
  union: ['options'],
  intersection: ['left', 'right'],
  pipe: ['in', 'out'],
  optional: ['innerType'],
  nullable: ['innerType'],
  default: ['innerType'],
  prefault: ['innerType'],
  nonoptional: ['innerType'],
  readonly: ['innerType'],
  catch: ['innerType'],
  success: ['innerType'],
};

/** Clones a schema with `change` applied to its children. Returns the schema itself when none of them changes. */
export function mapChildren(schema: Schema, change: (child: Schema) => Schema): Schema {
  const def = schema._zod.def as unknown as Def;
  if (def.type === 'lazy') {
    const getter = (): Schema => change((schema as z.core.$ZodLazy)._zod.innerType);
    // Zod caches the getter's result in the definition.
    return z.core.clone(schema, { ...def, ...{ getter, _cachedInner: undefined } });
  }
  const children = (childKeys[def.type] ?? []).map((key) => [key, changed(def[key], change)] as const);
  return withChildren(schema, Object.fromEntries(children));
}

function changed(child: unknown, change: (child: Schema) => Schema): unknown {
  if (typeof child !== 'object' || child === null) return child;
  if (Array.isArray(child)) return child.map((each) => change(each as Schema));
  return '_zod' in child ? change(child as Schema) : mapShape(child as Record<string, Schema>, change);
}

/** Copies the fields of an object, including those whose keys are symbols or `__proto__`. */
export function mapShape(shape: Readonly<Record<string | symbol, Schema>>, change: (field: Schema) => Schema): object {
  const fields: Record<string | symbol, Schema | undefined> = { ...shape };
  return Object.fromEntries(Reflect.ownKeys(fields).map((key) => [key, change(fields[key] as Schema)]));
}

/** Clones a schema with other children. Returns the schema itself when they are the same. */
export function withChildren(schema: Schema, children: Readonly<Record<string, unknown>>): Schema {
  const def = schema._zod.def as unknown as Def;
  const isSame = Object.entries(children).every(([key, child]) => isSameChild(def[key], child));
  return isSame ? schema : z.core.clone(schema, { ...def, ...children });
}

function isSameChild(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one !== 'object' || one === null || '_zod' in one || typeof other !== 'object' || other === null) {
    return false;
  }
  return Reflect.ownKeys(one).every((key) => Reflect.get(one, key) === Reflect.get(other, key));
}
