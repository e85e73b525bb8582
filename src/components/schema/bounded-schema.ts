import { z } from 'zod';
import { furtherIssues, isFurther, mostIssues } from '../../base/issues.js';
import { shown } from '../../base/shown.js';
import { mapShape, withChildren } from './schema-tree.js';

type Schema = z.core.$ZodType;
type Payload = z.core.ParsePayload;
type Run = Schema['_zod']['run'];
type Def = z.core.$ZodTypeDef & Readonly<Record<string, unknown>>;

/**
 * Returns a schema that parses as `schema` does, but stops checking a collection after ten issues. Zod makes an object
 * for each wrong item, and strangers choose how many there are. A schema without collections is returned as it is.
 * Copies are cached by schema.
 *
 * A copy consists of clones whose collections pass their items through an {@link IssueCounter}. Should another version
 * of zod work differently, the counter is never called and the schema works without a bound; a test notices.
 */
export function boundedSchema<S extends z.ZodType>(schema: S): S {
  try {
    return copyOf(schema, false) as unknown as S;
  } catch {
    return schema;
  }
}

type Copy = Schema | 'unfinished';

/** The bounded copies by schema, separately for operands of intersections. */
const copies = { operand: new WeakMap<Schema, Copy>(), other: new WeakMap<Schema, Copy>() };

const finished = (copy: Copy | undefined): Schema | undefined => (typeof copy === 'object' ? copy : undefined);

/** @param isOperand - whether the issues of `schema` go to an intersection, see {@link IssueCounter} */
function copyOf(schema: Schema, isOperand: boolean): Schema {
  const known = copies[isOperand ? 'operand' : 'other'];
  const copy = known.get(schema);
  // For a schema that contains itself: the copy is finished before anything is parsed.
  if (copy === 'unfinished') return z.lazy(() => finished(known.get(schema)) ?? schema);
  if (copy !== undefined) return copy;
  known.set(schema, 'unfinished');
  try {
    const finishedCopy = makeCopy(schema, isOperand);
    known.set(schema, finishedCopy);
    return finishedCopy;
  } catch (error) {
    known.delete(schema);
    throw error;
  }
}

function makeCopy(schema: Schema, isOperand: boolean): Schema {
  const def = schema._zod.def as unknown as Def;
  const same = (key: string): Record<string, unknown> => ({ [key]: childCopy(def[key], isOperand) });
  const all = (key: string, operands = false): Record<string, unknown> => ({
    [key]: (def[key] as readonly Schema[]).map((each) => copyOf(each, operands && isOperand)),
  });
  switch (def.type) {
    case 'array':
      return countedCollection(schema, ['element'], isOperand);
    case 'set':
      return countedCollection(schema, ['valueType'], isOperand);
    case 'map':
      return countedCollection(schema, ['keyType', 'valueType'], isOperand);
    case 'record':
      return countedCollection(schema, ['keyType', 'valueType'], isOperand, briefOn(def));
    case 'tuple':
      return countedCollection(schema, ['rest'], isOperand, all('items'));
    case 'object':
      return countedCollection(schema, canFail(def['catchall']) ? ['catchall'] : [], isOperand, {
        shape: mapShape(def['shape'] as Record<string, Schema>, (field) => copyOf(field, false)),
        ...(isNever(def['catchall']) && briefOn(def)),
      });
    case 'union':
      return withChildren(schema, all('options', true));
    case 'intersection':
      return withChildren(schema, { left: childCopy(def['left'], true), right: childCopy(def['right'], true) });
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
      const getter = (): Schema => copyOf((schema as z.core.$ZodLazy)._zod.innerType, isOperand);
      // Zod caches the getter's result in the definition.
      return z.core.clone(schema, { ...def, ...{ getter, _cachedInner: undefined } });
    }
    default:
      return schema;
  }
}

const typeOf = (child: unknown): string => (child as Schema | undefined)?._zod.def.type ?? 'unknown';

/** Zod does not run the catchall of a strict object; it lists the unknown keys instead. */
const isNever = (catchall: unknown): boolean => typeOf(catchall) === 'never';

const canFail = (catchall: unknown): boolean => !['never', 'unknown', 'any'].includes(typeOf(catchall));

/** The most unknown keys that a message names. */
const mostKeys = 5;

/** Replaces the message of a definition by one that names only some of the unknown keys. */
function briefOn(def: Def): { readonly error: z.core.$ZodErrorMap } {
  const own = def['error'] as z.core.$ZodErrorMap | undefined;
  return {
    error: (issue) => {
      const message = own?.(issue);
      if (message !== undefined || issue.code !== 'unrecognized_keys' || issue.keys.length <= mostKeys) return message;
      const named = issue.keys.slice(0, mostKeys).map((key) => JSON.stringify(shown(key, 30)));
      return `Unrecognized keys: ${named.join(', ')} and ${issue.keys.length - mostKeys} more`;
    },
  };
}

const childCopy = (child: unknown, isOperand: boolean): unknown =>
  child === undefined || child === null ? child : copyOf(child as Schema, isOperand);

/** Clones a collection to count its issues. Its children at `keys` run for each item. */
function countedCollection(
  schema: Schema,
  keys: readonly string[],
  isOperand: boolean,
  others: Readonly<Record<string, unknown>> = {},
): Schema {
  const def = schema._zod.def as unknown as Def;
  const children = keys.filter((key) => def[key] !== undefined && def[key] !== null);
  if (children.length === 0) return withChildren(schema, others);
  const counter = new IssueCounter(isOperand);
  const clone = z.core.clone(schema, {
    ...def,
    ...others,
    ...Object.fromEntries(children.map((key) => [key, counter.ofItem(copyOf(def[key] as Schema, false))])),
  });
  counter.watch(clone);
  return clone;
}

/** The state of a collection while it is parsed. */
interface Parsing {
  readonly payload: Payload;
  /** The number of issues examined so far, and how many of those count. */
  seen: number;
  counted: number;
  /** Whether items were skipped. */
  stopped: boolean;
}

/**
 * Counts the issues of a collection while it is parsed, and skips the remaining items after ten. It does not throw,
 * because checks that began asynchronously must be awaited and zod does not clean up. Valid items pass through here as
 * well, so each must cost no more than a comparison.
 */
class IssueCounter {
  private parsing: Parsing | undefined;

  /**
   * @param isOperand - whether the issues go to an intersection, which accepts a key that one side refuses if the other
   * side knows it. Such issues do not count yet.
   */
  constructor(private readonly isOperand: boolean) {}

  /** Returns the item schema, guarded by this counter. */
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

  /** Makes this counter watch a collection. */
  watch({ _zod: internals }: Schema): void {
    const isArray = internals.def.type === 'array';
    let parse: Run = internals.parse.bind(internals);
    const counted: Run = (payload, context) => {
      if (isArray && context.async === true && isLong(payload.value)) return parseInParts(counted, payload, context);
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
    // Without checks, zod uses the parse function as its run function.
    if (Reflect.get(internals, 'run') === Reflect.get(internals, 'parse')) internals.run = counted;
    // Zod replaces the parse function once it knows that a schema does not contain itself.
    Object.defineProperty(internals, 'parse', { get: () => counted, set: (other: Run) => (parse = other) });
  }

  private isFull(parsing: Parsing): boolean {
    const { issues } = parsing.payload;
    for (; parsing.seen < issues.length; parsing.seen++) {
      if (!this.isOpen(issues[parsing.seen])) parsing.counted++;
    }
    return parsing.counted >= mostIssues;
  }

  /** Whether an intersection or a pipe may still retract an issue. */
  private isOpen(issue: z.core.$ZodRawIssue | undefined): boolean {
    if (issue?.code === 'unrecognized_keys') return (issue.path?.length ?? 0) === 0;
    return this.isOperand && issue?.code === 'invalid_key' && issue.path?.length === 1;
  }
}

/** How many items of an array are parsed at once, if parsing is asynchronous. */
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
