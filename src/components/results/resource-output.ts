import { ErrandError } from '../../base/errors.js';
import { throughJson } from '../../base/json.js';
import type { ReadResourceResult } from '../../protocol/types.js';
import type { Output } from './output.js';
import { base64, isContent } from './results.js';

type Contents = ReadResourceResult['contents'][number];

/** Compiles the output of a resource: text, bytes, files, or data as JSON. */
export function compileResourceOutput(mimeType: string | undefined, label: string): Output {
  return {
    toResult: (value, input) => {
      const { uri } = input as { uri: string };
      return { contents: toContents(value, uri, mimeType, label) };
    },
    toJson: (value) => Promise.resolve(throughJson(value, `The return value of ${label}`)),
  };
}

function toContents(value: unknown, uri: string, mimeType: string | undefined, label: string): Contents[] {
  if (typeof value === 'string') return [{ uri, mimeType: mimeType ?? 'text/plain', text: value }];
  if (value instanceof Uint8Array) {
    return [{ uri, mimeType: mimeType ?? 'application/octet-stream', blob: base64(value) }];
  }
  if (isContent(value)) return [fileOf(value, label)];
  if (Array.isArray(value) && value.some(isContent)) return value.map((each: unknown) => fileOf(each, label));
  const json = throughJson(value, `The return value of ${label}`);
  if (json !== undefined) return [{ uri, mimeType: mimeType ?? 'application/json', text: JSON.stringify(json) }];
  throw new ErrandError('OUTPUT_INVALID', `${label} returned nothing. Return text, bytes, data or file(…).`);
}

function fileOf(value: unknown, label: string): Contents {
  if (isContent(value) && value.type === 'resource') return value.resource;
  throw new ErrandError(
    'OUTPUT_INVALID',
    `${label} returned ${isContent(value) ? `content of type '${value.type}'` : `a ${typeof value} next to content`}. A resource returns text, bytes, data, file(…) or an array of files.`,
  );
}
