import type { CallToolResult, ContentBlock } from '../../protocol/types.js';

// Content is told from data by a mark, never by its shape: data that looks like content stays data.
const contentMark: unique symbol = Symbol.for('errand.content') as never;
const errorMark = Symbol.for('errand.tool-error');
const resultMark: unique symbol = Symbol.for('errand.result') as never;

/** Whether a value has been given a mark by {@link mark}. */
export const hasMark = (value: unknown, symbol: symbol): boolean =>
  typeof value === 'object' && value !== null && symbol in value;

/**
 * An error whose text the client sees: the tool's own "that did not work, because". Every other error is logged under a
 * reference id, and the client sees only the id.
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

  /** Whether `value` is a ToolError, even one of another copy of the package. */
  static is(value: unknown): value is ToolError {
    return hasMark(value, errorMark);
  }
}

/** Who a piece of content is for, and how much it matters (MCP `Annotations`). */
export interface ContentAnnotations {
  /** Who it is for. */
  readonly audience?: ('user' | 'assistant')[];
  /** From 0 (may be left out) to 1 (must be there). */
  readonly priority?: number;
  /** An ISO 8601 time. */
  readonly lastModified?: string;
}

/** One block of content, made by {@link text}, {@link image}, {@link audio}, {@link file} or {@link resourceLink}. */
export type Content = ContentBlock & {
  /** Tells content from data. */
  readonly [contentMark]: true;
};

/** A whole result, made by {@link toolResult}. */
export type ToolResult = CallToolResult & {
  /** Tells a result from data. */
  readonly [resultMark]: true;
};

/** Gives a value the mark that tells it from data. */
export function mark<T extends object>(value: T, symbol: symbol): never {
  return Object.defineProperty(value, symbol, { value: true, enumerable: false }) as never;
}

/** Whether a value was made by one of the content makers. */
export function isContent(value: unknown): value is Content {
  return hasMark(value, contentMark);
}

/** Whether a value was made by {@link toolResult}. */
export function isToolResult(value: unknown): value is ToolResult {
  return hasMark(value, resultMark);
}

/** Bytes in base64; a string is so already. */
export const base64 = (data: Uint8Array | string): string =>
  typeof data === 'string' ? data : Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64');

/** Text for the model. */
export function text(value: string, annotations?: ContentAnnotations): Content {
  return mark({ type: 'text', text: value, ...(annotations && { annotations }) }, contentMark);
}

/** A picture: its bytes, or the same already in base64. */
export function image(data: Uint8Array | string, mimeType: string, annotations?: ContentAnnotations): Content {
  return mark({ type: 'image', data: base64(data), mimeType, ...(annotations && { annotations }) }, contentMark);
}

/** A sound: its bytes, or the same already in base64. */
export function audio(data: Uint8Array | string, mimeType: string, annotations?: ContentAnnotations): Content {
  return mark({ type: 'audio', data: base64(data), mimeType, ...(annotations && { annotations }) }, contentMark);
}

/** A file within the result (an MCP embedded resource): a string travels as text, bytes as base64. */
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

/** A pointer to a resource that the client may read. */
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

/** A whole result, for the rare case that needs `isError` or `_meta` together with content of its own. */
export function toolResult(result: {
  readonly content?: readonly ContentBlock[];
  readonly structuredContent?: Record<string, unknown>;
  readonly isError?: boolean;
  readonly _meta?: Record<string, unknown>;
}): ToolResult {
  return mark({ ...result, content: [...(result.content ?? [])] }, resultMark);
}
