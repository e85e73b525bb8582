import { ErrandError } from '../../base/errors.js';
import { throughJson } from '../../base/json.js';
import type { ReadResourceResult } from '../../protocol/types.js';
import type { Output } from './output.js';
import { base64, isContent } from './results.js';

type Contents = ReadResourceResult['contents'][number];

/** How what a resource returns becomes contents: text, bytes, files of their own, or data as JSON. */
export function compileResourceOutput(mimeType: string | undefined, label: string): Output {
  return {
    toResult: (value, input) => {
      const { uri } = input as { uri: string };
      return { contents: toContents(value, uri, mimeType, label) };
    },
    toJson: (value) => Promise.resolve(throughJson(value, `What ${label} returned`)),
  };
}

function toContents(value: unknown, uri: string, mimeType: string | undefined, label: string): Contents[] {
  if (typeof value === 'string') return [{ uri, mimeType: mimeType ?? 'text/plain', text: value }];
  if (value instanceof Uint8Array) {
    return [{ uri, mimeType: mimeType ?? 'application/octet-stream', blob: base64(value) }];
  }
  if (isContent(value)) return [fileOf(value, label)];
  if (Array.isArray(value) && value.some(isContent)) return value.map((each: unknown) => fileOf(each, label));
  const json = throughJson(value, `What ${label} returned`);
  if (json !== undefined) return [{ uri, mimeType: mimeType ?? 'application/json', text: JSON.stringify(json) }];
  throw new ErrandError('OUTPUT_INVALID', `${label} returned nothing. Return text, bytes, data or file(…).`);
}

function fileOf(value: unknown, label: string): Contents {
  if (isContent(value) && value.type === 'resource') return value.resource;
  throw new ErrandError(
    'OUTPUT_INVALID',
    `${label} returned ${isContent(value) ? `content of type '${value.type}'` : `a ${typeof value} beside content`}. A resource gives text, bytes, data, or file(…) once or in an array.`,
  );
}
