import { ErrandError } from '../../base/errors.js';
import { shown } from '../../base/shown.js';

/** A JSON schema, or a part of one. */
export type JsonSchema = Record<string, unknown>;

/** The keywords that hold one schema, a list of schemas, or schemas by name. All others hold data. */
const holders: Readonly<Record<string, 'one' | 'list' | 'map'>> = {
  additionalItems: 'one',
  additionalProperties: 'one',
  contains: 'one',
  contentSchema: 'one',
  else: 'one',
  if: 'one',
  items: 'one',
  not: 'one',
  propertyNames: 'one',
  then: 'one',
  unevaluatedItems: 'one',
  unevaluatedProperties: 'one',
  allOf: 'list',
  anyOf: 'list',
  oneOf: 'list',
  prefixItems: 'list',
  $defs: 'map',
  definitions: 'map',
  dependencies: 'map',
  dependentSchemas: 'map',
  patternProperties: 'map',
  properties: 'map',
};

/** Whether a value is an object, as schemas are (except `true` and `false`), and no array. */
export const isSchemaObject = (value: unknown): value is JsonSchema =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Copies a JSON schema with `change` applied to every schema in it, from the inside out. A part with an `$id` of its own
 * is another document and stays as it is.
 */
export function mapSchemas(schema: JsonSchema, change: (part: JsonSchema) => JsonSchema): JsonSchema {
  const part = (value: unknown): unknown =>
    isSchemaObject(value) && typeof value.$id !== 'string' ? mapSchemas(value, change) : value;
  const copy: JsonSchema = {};
  for (const [keyword, value] of Object.entries(schema)) {
    const holds = Object.hasOwn(holders, keyword) ? holders[keyword] : undefined;
    if (Array.isArray(value)) copy[keyword] = holds === undefined || holds === 'map' ? value : value.map(part);
    else if (holds === 'map' && isSchemaObject(value)) copy[keyword] = mapValues(value, part);
    else copy[keyword] = holds === 'one' ? part(value) : value;
  }
  return change(copy);
}

/** Unlike a plain assignment, keeps a property named `__proto__`. */
const mapValues = (map: JsonSchema, change: (value: unknown) => unknown): JsonSchema =>
  Object.fromEntries(Object.entries(map).map(([name, value]) => [name, change(value)]));

/**
 * Prepares a JSON schema for a place in another one. Its definitions go to `definitions`, under names that are free and
 * need no escaping, and its references follow them. Its `$schema` and `$id` are those of a document of its own, so they
 * stay behind.
 *
 * @param place - the steps from the other schema's root: `['properties', 'result']`; empty for the root itself
 */
export function moved(schema: JsonSchema, place: readonly string[], definitions: JsonSchema): JsonSchema {
  const { $schema: _dialect, $id, $defs, definitions: older, ...body } = schema;
  const names = new Map<string, string>();
  const found: [string, JsonSchema][] = [];
  for (const [keyword, group] of Object.entries({ $defs, definitions: older })) {
    for (const [name, definition] of Object.entries((group ?? {}) as JsonSchema)) {
      const free = freeName(name, definitions);
      names.set(pointer([keyword, name]), free);
      // Takes the name, so that the next definition gets another.
      definitions[free] = true;
      if (isSchemaObject(definition)) found.push([free, definition]);
    }
  }
  const follow = (part: JsonSchema): JsonSchema => {
    const ref = localRef(part.$ref, $id);
    if (ref === undefined) return part;
    const [keyword = '', name = '', ...rest] = ref;
    const free = names.get(pointer([keyword, name]));
    return { ...part, $ref: pointer(free === undefined ? [...place, ...ref] : ['$defs', free, ...rest]) };
  };
  for (const [free, definition] of found) definitions[free] = mapSchemas(definition, follow);
  return mapSchemas(body, follow);
}

function freeName(name: string, taken: JsonSchema): string {
  const plain = name.replace(/[^A-Za-z0-9_.-]/g, '_');
  let free = plain;
  for (let count = 2; Object.hasOwn(taken, free); count++) free = `${plain}_${count}`;
  return free;
}

/** The steps of a reference into the same document; undefined for any other. */
function localRef(ref: unknown, id: unknown): string[] | undefined {
  if (typeof ref !== 'string') return undefined;
  const local = typeof id === 'string' && id !== '' && ref.startsWith(id) ? ref.slice(id.length) : ref;
  if (local === '' || local === '#') return [];
  return local.startsWith('#/') ? local.slice(2).split('/').map(unescaped) : undefined;
}

/** A JSON pointer in a URI fragment (RFC 6901, section 6). */
const pointer = (steps: readonly string[]): string => ['#', ...steps.map(escaped)].join('/');

const escaped = (step: string): string =>
  encodeURIComponent(step.replaceAll('~', '~0').replaceAll('/', '~1')).replaceAll('%24', '$');

function unescaped(step: string): string {
  const decoded = /%[0-9a-f]{2}/i.test(step) ? decodedOr(step) : step;
  return decoded.replaceAll('~1', '/').replaceAll('~0', '~');
}

/** Zod does not percent-encode the names in its references. */
function decodedOr(step: string): string {
  try {
    return decodeURIComponent(step);
  } catch {
    return step;
  }
}

/** Resolves a part of a JSON schema that is a reference into the same document. Returns other parts as they are. */
export function dereferenced(part: JsonSchema, root: JsonSchema): JsonSchema {
  const visited = new Set<unknown>();
  let resolved = part;
  while (typeof resolved.$ref === 'string' && !visited.has(resolved.$ref)) {
    visited.add(resolved.$ref);
    const { $ref, ...rest } = resolved;
    const target = targetOf($ref, root);
    if (!isSchemaObject(target)) return resolved;
    resolved = { ...target, ...rest };
  }
  return resolved;
}

function targetOf(ref: string, root: JsonSchema): unknown {
  let target: unknown = root;
  for (const step of localRef(ref, root.$id) ?? ['']) {
    target =
      typeof target === 'object' && target !== null && Object.hasOwn(target, step)
        ? Reflect.get(target, step)
        : undefined;
  }
  return target;
}

/**
 * Checks that every reference leads somewhere. Clients compile the schemas of all tools at once, so one that does not
 * would cost them every tool of the server.
 *
 * @throws {ErrandError} `SCHEMA_UNSUPPORTED`
 */
export function checkReferences(root: JsonSchema, where: string): void {
  const anchors = new Set<unknown>();
  const refs = new Set<string>();
  mapSchemas(root, (part) => {
    if (typeof part.$anchor === 'string') anchors.add(`#${part.$anchor}`);
    if (typeof part.$ref === 'string') refs.add(part.$ref);
    return part;
  });
  for (const ref of refs) {
    const target = targetOf(ref, root);
    if (isSchemaObject(target) || typeof target === 'boolean' || anchors.has(ref)) continue;
    throw new ErrandError(
      'SCHEMA_UNSUPPORTED',
      `${where}: the schema refers to '${shown(ref)}', which it does not contain. Put that schema into its $defs, and refer to '#/$defs/…'.`,
    );
  }
}
