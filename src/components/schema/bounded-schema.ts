import { z } from 'zod';
import { furtherIssues, isFurther, mostIssues } from '../../base/issues.js';
import { shown } from '../../base/shown.js';

type Schema = z.core.$ZodType;
type Payload = z.core.ParsePayload;
type Run = Schema['_zod']['run'];
type Def = z.core.$ZodTypeDef & Readonly<Record<string, unknown>>;

/**
 * A schema that takes and gives what `schema` does, but looks no further in a collection that has ten issues: zod makes
 * an object for each item that is wrong, and strangers choose how many there are. It is the schema itself where that has
 * no collections. What comes of it is kept with the schema.
 *
 * It is made of clones whose collections run their items through a meter. Should a version of zod work in another way,
 * the meter is not asked and the schema does what zod does, without a bound; a test tells.
 */
export function boundedSchema<S extends z.ZodType>(schema: S): S {
  try {
    return twinOf(schema, false) as unknown as S;
  } catch {
    return schema;
  }
}

type Twin = Schema | 'in the making';

/** Twins by schema: of the operands of intersections, and of all others. */
const twins = { operand: new WeakMap<Schema, Twin>(), other: new WeakMap<Schema, Twin>() };

const finished = (twin: Twin | undefined): Schema | undefined => (typeof twin === 'object' ? twin : undefined);

/** @param isOperand - whether the issues of `schema` go to an intersection, see {@link Meter} */
function twinOf(schema: Schema, isOperand: boolean): Schema {
  const known = twins[isOperand ? 'operand' : 'other'];
  const twin = known.get(schema);
  // Of a schema that contains itself: at the time of parsing it is there.
  if (twin === 'in the making') return z.lazy(() => finished(known.get(schema)) ?? schema);
  if (twin !== undefined) return twin;
  known.set(schema, 'in the making');
  try {
    const made = makeTwin(schema, isOperand);
    known.set(schema, made);
    return made;
  } catch (error) {
    known.delete(schema);
    throw error;
  }
}

function makeTwin(schema: Schema, isOperand: boolean): Schema {
  const def = schema._zod.def as unknown as Def;
  const same = (key: string): Record<string, unknown> => ({ [key]: twin(def[key], isOperand) });
  const all = (key: string, operands = false): Record<string, unknown> => ({
    [key]: (def[key] as readonly Schema[]).map((each) => twinOf(each, operands && isOperand)),
  });
  switch (def.type) {
    case 'array':
      return metered(schema, ['element'], isOperand);
    case 'set':
      return metered(schema, ['valueType'], isOperand);
    case 'map':
      return metered(schema, ['keyType', 'valueType'], isOperand);
    case 'record':
      return metered(schema, ['keyType', 'valueType'], isOperand, briefOn(def));
    case 'tuple':
      return metered(schema, ['rest'], isOperand, all('items'));
    case 'object':
      return metered(schema, canFail(def['catchall']) ? ['catchall'] : [], isOperand, {
        shape: twinsOf(def['shape'] as Record<string, Schema>),
        ...(isNever(def['catchall']) && briefOn(def)),
      });
    case 'union':
      return withChildren(schema, all('options', true));
    case 'intersection':
      return withChildren(schema, { left: twin(def['left'], true), right: twin(def['right'], true) });
    case 'pipe':
      return withChildren(schema, { ...same('in'), ...same('out') });
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'nonoptional':
    case 'readonly':
    case 'catch':
    case 'success':
      return withChildren(schema, same('innerType'));
    case 'lazy': {
      const getter = (): Schema => twinOf((schema as z.core.$ZodLazy)._zod.innerType, isOperand);
      // Zod keeps what the getter gave with the definition.
      return z.core.clone(schema, { ...def, ...{ getter, _cachedInner: undefined } });
    }
    default:
      return schema;
  }
}

const typeOf = (child: unknown): string => (child as Schema | undefined)?._zod.def.type ?? 'unknown';

/** Zod does not run the catchall of a strict object, and lists the keys that it does not know. */
const isNever = (catchall: unknown): boolean => typeOf(catchall) === 'never';

const canFail = (catchall: unknown): boolean => !['never', 'unknown', 'any'].includes(typeOf(catchall));

/** The most unknown keys that a message names. */
const mostKeys = 5;

/** The part of a definition that makes messages, with one that does not name all keys that are unknown. */
function briefOn(def: Def): { readonly error: z.core.$ZodErrorMap } {
  const own = def['error'] as z.core.$ZodErrorMap | undefined;
  return {
    error: (issue) => {
      const said = own?.(issue);
      if (said !== undefined || issue.code !== 'unrecognized_keys' || issue.keys.length <= mostKeys) return said;
      const named = issue.keys.slice(0, mostKeys).map((key) => JSON.stringify(shown(key, 30)));
      return `Unrecognized keys: ${named.join(', ')} and ${issue.keys.length - mostKeys} more`;
    },
  };
}

const twin = (child: unknown, isOperand: boolean): unknown =>
  child === undefined || child === null ? child : twinOf(child as Schema, isOperand);

/** The twins of the fields of an object, also of those whose keys are symbols or `__proto__`. */
function twinsOf(shape: Readonly<Record<string | symbol, Schema>>): object {
  const fields = { ...shape };
  return Object.fromEntries(Reflect.ownKeys(fields).map((key) => [key, twinOf(fields[key] as Schema, false)]));
}

/** A clone with other children; the schema itself where they are the same. */
function withChildren(schema: Schema, children: Readonly<Record<string, unknown>>): Schema {
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

/** The clone of a collection, whose children at `keys` are run for each of its items. */
function metered(
  schema: Schema,
  keys: readonly string[],
  isOperand: boolean,
  others: Readonly<Record<string, unknown>> = {},
): Schema {
  const def = schema._zod.def as unknown as Def;
  const children = keys.filter((key) => def[key] !== undefined && def[key] !== null);
  if (children.length === 0) return withChildren(schema, others);
  const meter = new Meter(isOperand);
  const clone = z.core.clone(schema, {
    ...def,
    ...others,
    ...Object.fromEntries(children.map((key) => [key, meter.ofItem(twinOf(def[key] as Schema, false))])),
  });
  meter.watch(clone);
  return clone;
}

/** The state of one collection that is being parsed. */
interface Parsing {
  readonly payload: Payload;
  /** How many of the issues have been looked at, and how many of those count. */
  seen: number;
  counted: number;
  /** Whether items were left out. */
  stopped: boolean;
}

/**
 * Counts the issues of a collection while it is parsed, and lets the rest of its items pass unseen after ten. Nothing is
 * thrown: what has begun asynchronously must be waited for, and zod does not clean up. Values that fit go through here as
 * well, so that each item costs one comparison.
 */
class Meter {
  private parsing: Parsing | undefined;

  /**
   * @param isOperand - whether the issues go to an intersection. That takes a key that one side refuses for good when the
   * other side knows it, so that such issues say nothing yet.
   */
  constructor(private readonly isOperand: boolean) {}

  /** The schema of the items, run by the meter. */
  ofItem(item: Schema): Schema {
    const { _zod: internals } = item;
    const clone = z.core.clone(item);
    clone._zod.run = (payload, context) => {
      const { parsing } = this;
      if (parsing === undefined || parsing.payload.issues.length === 0 || !this.isFull(parsing)) {
        return internals.run(payload, context);
      }
      parsing.stopped = true;
      return payload;
    };
    return clone;
  }

  /** Has a collection counted by this meter. */
  watch({ _zod: internals }: Schema): void {
    const isArray = internals.def.type === 'array';
    let parse: Run = internals.parse.bind(internals);
    const metered: Run = (payload, context) => {
      if (isArray && context.async === true && isLong(payload.value)) return parseInParts(metered, payload, context);
      const outer = this.parsing;
      const parsing: Parsing = { payload, seen: payload.issues.length, counted: 0, stopped: false };
      this.parsing = parsing;
      try {
        const parsed = parse(payload, context);
        return parsed instanceof Promise ? parsed.then((result) => ended(result, parsing)) : ended(parsed, parsing);
      } finally {
        this.parsing = outer;
      }
    };
    // Without checks zod runs the parse itself.
    if (Reflect.get(internals, 'run') === Reflect.get(internals, 'parse')) internals.run = metered;
    // Zod puts another parse there when it has found that a schema does not contain itself.
    Object.defineProperty(internals, 'parse', { get: () => metered, set: (other: Run) => (parse = other) });
  }

  private isFull(parsing: Parsing): boolean {
    const { issues } = parsing.payload;
    for (; parsing.seen < issues.length; parsing.seen++) {
      if (!this.isOpen(issues[parsing.seen])) parsing.counted++;
    }
    return parsing.counted >= mostIssues;
  }

  /** Whether an intersection, or a pipe, may yet take an issue back. */
  private isOpen(issue: z.core.$ZodRawIssue | undefined): boolean {
    if (issue?.code === 'unrecognized_keys') return (issue.path?.length ?? 0) === 0;
    return this.isOperand && issue?.code === 'invalid_key' && issue.path?.length === 1;
  }
}

/** How many items of an array are parsed at once where that is asynchronous. */
const mostAtOnce = 100;

const isLong = (value: unknown): boolean => Array.isArray(value) && value.length > mostAtOnce;

/** Zod makes some promises for each item that is refined asynchronously, which take far more memory than the item. */
async function parseInParts(run: Run, payload: Payload, context: z.core.ParseContextInternal): Promise<Payload> {
  const items = payload.value as readonly unknown[];
  const values: unknown[] = [];
  for (let at = 0; at < items.length; at += mostAtOnce) {
    if (payload.issues.length >= mostIssues) return ended(payload, { stopped: !payload.issues.some(isFurther) });
    const part = await run({ value: items.slice(at, at + mostAtOnce), issues: [] }, context);
    values.push(...(part.value as readonly unknown[]));
    for (const { path: [place, ...rest] = [], ...issue } of part.issues) {
      payload.issues.push({ ...issue, ...(place !== undefined && { path: [Number(place) + at, ...rest] }) });
    }
  }
  payload.value = values;
  return payload;
}

function ended(payload: Payload, { stopped }: Pick<Parsing, 'stopped'>): Payload {
  if (stopped) payload.issues.push(furtherIssues());
  return payload;
}
