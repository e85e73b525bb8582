import { inspect } from 'node:util';
import type { z } from 'zod';
import { ErrandError } from '../../base/errors.js';
import { shown } from '../../base/shown.js';

/**
 * Refuses what is no schema of zod, which other libraries take in its place: an object of schemas, a JSON schema, a class.
 *
 * @param where - what takes it, for example `Tools.run: input`
 * @param example - a schema for the way out
 * @throws {ErrandError} `SCHEMA_UNSUPPORTED`
 */
export function requireSchema(given: unknown, where: string, example = 'z.object({ … })'): asserts given is z.ZodType {
  if (isSchema(given)) return;
  throw new ErrandError('SCHEMA_UNSUPPORTED', `${where} is ${described(given, example)}`);
}

/** Whether `given` is a schema of some copy of zod. Others are told by whoever reads them. */
const isSchema = (given: unknown): boolean =>
  ((typeof given === 'object' && given !== null) || typeof given === 'function') &&
  ('_zod' in given || '~standard' in given);

function described(given: unknown, example: string): string {
  if (given === undefined) return `undefined: it is missing, or imported in a circle. Give a schema: ${example}.`;
  if (typeof given === 'function') {
    return `${given.name === '' ? 'a function' : given.name}, which is no schema. Call it if it makes one, or describe the value: ${example}.`;
  }
  if (typeof given !== 'object' || given === null) return `${shown(inspect(given))}. Give a schema: ${example}.`;
  const members = Object.entries(given);
  if (members.length > 0 && members.every(([, member]) => isSchema(member))) {
    return `an object of schemas. Wrap it: z.object({ ${members.map(([name]) => name).join(', ')} }).`;
  }
  if (jsonSchemaKeywords.some((keyword) => keyword in given)) {
    return `a JSON schema. Describe the value with zod: ${example}.`;
  }
  return `${members.length === 0 ? 'an empty object' : 'an object'} that is no schema of zod 4. Give one: ${example}.`;
}

const jsonSchemaKeywords = ['type', 'properties', '$schema', '$ref', 'anyOf', 'oneOf', 'allOf', 'enum', 'const'];
