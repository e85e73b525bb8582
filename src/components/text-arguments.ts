import { ErrandError } from '../base/errors.js';
import type { PromptArgument } from '../protocol/types.js';
import type { ObjectJsonSchema } from './schema/json-schema.js';
import { dereferenced, type JsonSchema } from './schema/moved-schema.js';

/** Arguments by name. Those of a prompt and the variables of a URI travel as text. */
type Arguments = Readonly<Record<string, unknown>>;

/** Reads the value that a text stands for; `undefined` if it stands for none. */
type Reader = (text: string) => unknown;

/** A part of a JSON schema. */
type Part = Readonly<Record<string, unknown>>;

const number = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

const readNumber: Reader = (text) => (number.test(text.trim()) ? Number(text) : undefined);

const scalars: Readonly<Record<string, Reader>> = {
  null: (text) => (text === 'null' ? null : undefined),
  boolean: (text) => ({ true: true, false: false })[text.trim().toLowerCase()],
  integer: readNumber,
  number: readNumber,
};

/** How people write a value of a type, for arguments that their author has not described. */
const hints: Readonly<Record<string, string>> = {
  boolean: 'true or false',
  integer: 'A whole number',
  number: 'A number',
  array: 'A list, separated by commas',
};

/**
 * Makes the function that converts arguments from text to the types of their schema: numbers, booleans, `null`, and lists
 * of these or of text, separated by commas or written as JSON. Text that does not stand for such a value stays, for the
 * schema to refuse; an empty one for an optional argument counts as absent.
 */
export function textConverter(schema: ObjectJsonSchema): (given: Arguments) => Arguments {
  const { properties = {}, required } = schema;
  const converters = Object.entries(properties).flatMap(([name, property]) => {
    const read = readerOf(property as Part, schema);
    if (read === undefined) return [];
    const isOptional = !(required?.includes(name) ?? false);
    return [{ name, read, isOptional, readItem: readerOf(itemsOf(property as Part, schema), schema) }];
  });
  if (converters.length === 0) return (given) => given;
  return (given) => {
    const converted = { ...given };
    for (const { name, read, isOptional, readItem } of converters) {
      const value = Object.hasOwn(given, name) ? given[name] : undefined;
      if (value === undefined) continue;
      if (value === '' && isOptional) converted[name] = undefined;
      else if (Array.isArray(value)) converted[name] = value.map((item: unknown) => valueOf(item, readItem));
      else converted[name] = valueOf(value, read);
    }
    return converted;
  };
}

/** The value that a text stands for, or the text itself. What is no text, as an absent argument, stays as it is. */
function valueOf(given: unknown, read: Reader | undefined): unknown {
  const value = typeof given === 'string' ? read?.(given) : undefined;
  return value === undefined ? given : value;
}

/**
 * The arguments of a prompt, as listed by `prompts/list`.
 *
 * @throws {ErrandError} `SCHEMA_UNSUPPORTED` for an argument that has no written form.
 */
export function promptArguments(schema: ObjectJsonSchema, label: string): PromptArgument[] {
  const required = new Set(schema.required);
  return Object.entries(schema.properties ?? {}).map(([name, described]) => {
    const property = dereferenced(described as Record<string, unknown>, schema);
    const types = typesOf(property, schema);
    const hold = types.has('array') ? typesOf(itemsOf(property, schema), schema) : types;
    if (['object', 'array'].some((type) => hold.has(type))) {
      throw new ErrandError(
        'SCHEMA_UNSUPPORTED',
        `${label}: input: '${name}' is ${JSON.stringify(property.type ?? Object.keys(property))}, but prompt arguments travel as text. Use text, numbers, booleans, lists of these, or z.codec() from a string.`,
      );
    }
    const { title, description = types.has('string') ? undefined : hints[[...types][0] ?? ''] } = property;
    return {
      name,
      ...(typeof title === 'string' && { title }),
      ...(typeof description === 'string' && { description }),
      required: required.has(name),
    };
  });
}

/** The types that a value may have; none for a value of any type. */
function typesOf(part: Part, root: JsonSchema): Set<string> {
  const { type, anyOf, oneOf, enum: choices, const: only } = dereferenced({ ...part }, root);
  if (type !== undefined) return new Set([type].flat() as string[]);
  const members = (anyOf ?? oneOf) as Part[] | undefined;
  if (members !== undefined) return new Set(members.flatMap((member) => [...typesOf(member, root)]));
  const values = choices === undefined ? [only] : (choices as unknown[]);
  return new Set(
    values.filter((value) => value !== undefined).map((value) => (value === null ? 'null' : typeof value)),
  );
}

/** The items of a list, whether it may also be something else or not. */
function itemsOf(part: Part, root: JsonSchema): Part {
  const { items, anyOf, oneOf } = dereferenced({ ...part }, root);
  if (items !== undefined) return items as Part;
  const members = ((anyOf ?? oneOf) as Part[] | undefined) ?? [];
  return members.map((member) => itemsOf(member, root)).find((found) => Object.keys(found).length > 0) ?? {};
}

/** `undefined` for text, and for what may be text. */
function readerOf(part: Part, root: JsonSchema): Reader | undefined {
  const types = typesOf(part, root);
  if (types.size === 0 || types.has('string')) return undefined;
  const readers = Object.keys(scalars)
    .filter((type) => types.has(type))
    .map((type) => scalars[type] as Reader);
  if (types.has('array')) readers.push(listReader(readerOf(itemsOf(part, root), root)));
  return (text) => readers.map((reader) => reader(text)).find((value) => value !== undefined);
}

function listReader(item: Reader | undefined): Reader {
  return (text) => {
    const list = text.trim();
    if (list === '') return [];
    if (list.startsWith('[')) return jsonList(list);
    return list.split(',').map((each) => valueOf(each.trim(), item));
  };
}

function jsonList(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
