import type { CallToolResult, ContentBlock } from '../../protocol/types.js';

// A mark, never the shape, distinguishes content from data: data that looks like content stays data.
const contentMark: unique symbol = Symbol.for('errand.content') as never;
const errorMark = Symbol.for('errand.tool-error');
const resultMark: unique symbol = Symbol.for('errand.result') as never;

/** Whether a value carries a mark from {@link mark}. */
export const hasMark = (value: unknown, symbol: symbol): boolean =>
  typeof value === 'object' && value !== null && symbol in value;

/**
 * An error whose text the client sees. Other errors are logged under a reference id, which is all that the client
 * sees.
 *
 * @example
 * ```ts
 * import { ToolError } from 'errand';
 *
 * const half = (count: number): number => {
 *   if (count % 2 === 1) throw new ToolError(`${count} is odd`);
 *   return count / 2;
 * };
 * ```
 */
export class ToolError extends Error {
  /** Always `'ToolError'`. */
  override readonly name = 'ToolError';

  constructor(message: string, options?: { cause?: unknown }) {
    super(message, options);
    Object.defineProperty(this, errorMark, { value: true });
  }

  /** Whether `value` is a ToolError, even one from another copy of the package. */
  static is(value: unknown): value is ToolError {
    return hasMark(value, errorMark);
  }
}

/** Who content is for, and how important it is (MCP `Annotations`). */
export interface ContentAnnotations {
  /** The intended readers. */
  readonly audience?: ('user' | 'assistant')[];
  /** The importance, from 0 (optional) to 1 (required). */
  readonly priority?: number;
  /** The time of the last change, in ISO 8601. */
  readonly lastModified?: string;
}

/** A block of content, made by {@link text}, {@link image}, {@link audio}, {@link file} or {@link resourceLink}. */
export type Content = ContentBlock & {
  /** Distinguishes content from data. */
  readonly [contentMark]: true;
};

/** A whole result, made by {@link toolResult}. */
export type ToolResult = CallToolResult & {
  /** Distinguishes results from data. */
  readonly [resultMark]: true;
};

/** Marks a value, to distinguish it from data. */
export function mark<T extends object>(value: T, symbol: symbol): never {
  return Object.defineProperty(value, symbol, { value: true, enumerable: false }) as never;
}

/** Whether {@link text} or another maker of content made a value. */
export function isContent(value: unknown): value is Content {
  return hasMark(value, contentMark);
}

/** Whether {@link toolResult} made a value. */
export function isToolResult(value: unknown): value is ToolResult {
  return hasMark(value, resultMark);
}

/** Encodes bytes in base64. A string is base64 already. */
export const base64 = (data: Uint8Array | string): string =>
  typeof data === 'string' ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64');

/** Makes text for the model. */
export function text(value: string, annotations?: ContentAnnotations): Content {
  return mark({ type: 'text', text: value, ...(annotations && { annotations }) }, contentMark);
}

/** Makes an image from its bytes, or from base64. */
export function image(data: Uint8Array | string, mimeType: string, annotations?: ContentAnnotations): Content {
  return mark({ type: 'image', data: base64(data), mimeType, ...(annotations && { annotations }) }, contentMark);
}

/** Makes audio from its bytes, or from base64. */
export function audio(data: Uint8Array | string, mimeType: string, annotations?: ContentAnnotations): Content {
  return mark({ type: 'audio', data: base64(data), mimeType, ...(annotations && { annotations }) }, contentMark);
}

/** Makes a file inside the result (an MCP embedded resource). A string travels as text, bytes as base64. */
export function file(
  uri: string,
  data: Uint8Array | string,
  mimeType?: string,
  annotations?: ContentAnnotations,
): Content {
  const body = typeof data === 'string' ? { text: data } : { blob: base64(data) };
  const resource = { uri, ...(mimeType !== undefined && { mimeType }), ...body };
  return mark({ type: 'resource', resource, ...(annotations && { annotations }) }, contentMark);
}

/** Makes a link to a resource that the client may read. */
export function resourceLink(link: {
  readonly uri: string;
  readonly name: string;
  readonly title?: string;
  readonly description?: string;
  readonly mimeType?: string;
  readonly annotations?: ContentAnnotations;
}): Content {
  return mark({ type: 'resource_link', ...link }, contentMark);
}

/** Makes a whole result, for the rare case that needs `isError` or `_meta` along with content. */
export function toolResult(result: {
  readonly content?: readonly ContentBlock[];
  readonly structuredContent?: Record<string, unknown>;
  readonly isError?: boolean;
  readonly _meta?: Record<string, unknown>;
}): ToolResult {
  return mark({ ...result, content: [...(result.content ?? [])] }, resultMark);
}
