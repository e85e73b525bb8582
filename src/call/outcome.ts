import { randomUUID } from 'node:crypto';
import { ErrandError, messageOf } from '../base/errors.js';
import type { Json } from '../base/json.js';
import type { Logger } from '../base/logger.js';
import { ToolError } from '../components/results.js';
import { isProtocolError, toWireError, type WireError } from '../protocol/errors.js';
import type { CallToolResult } from '../protocol/types.js';

/** What a call left behind, as it is stored. `result` is absent when nothing was returned. */
export type Outcome = { readonly result?: Json } | { readonly error: WireError };

/** What a tool call answers its client: a result, also an unsuccessful one, or an error of the protocol. */
export type ToolOutcome = { readonly result: CallToolResult } | { readonly error: WireError };

/** Whether unexpected errors are shown to the client (`'reveal'`) or only a reference id (`'mask'`). */
export type ErrorDisclosure = 'mask' | 'reveal';

/** Whether another attempt may help: errors that were meant for the client, and invalid values, stay what they are. */
export function isRetryable(thrown: unknown): boolean {
  if (ErrandError.is(thrown)) return thrown.passing;
  return !(ToolError.is(thrown) || isProtocolError(thrown));
}

/** What a client is told of something thrown, and what the log keeps. */
export function failureOf(tool: string, thrown: unknown, logger: Logger, disclosure: ErrorDisclosure): ToolOutcome {
  if (isProtocolError(thrown)) {
    const error = toWireError(thrown);
    if (thrown.data !== undefined && error.data === undefined) {
      logger.error('The data of an error is not JSON, so the client got the error without it', { tool, error: thrown });
    }
    return { error };
  }
  return { result: { content: [{ type: 'text', text: textFor(tool, thrown, logger, disclosure) }], isError: true } };
}

function textFor(tool: string, thrown: unknown, logger: Logger, disclosure: ErrorDisclosure): string {
  if (ToolError.is(thrown) || (ErrandError.is(thrown) && thrown.exposed)) return messageOf(thrown);
  const reference = randomUUID();
  logger.error('A tool call failed', { tool, reference, error: thrown });
  const detail = disclosure === 'reveal' ? `: ${messageOf(thrown)}` : '';
  return `${tool} failed${detail}. Reference ${reference}.`;
}

/** What is stored of an error that no client sees: it belongs to those who run the server. */
export function storedError(thrown: unknown): WireError {
  if (isProtocolError(thrown)) return toWireError(thrown);
  const code = ErrandError.is(thrown) ? thrown.code : thrown instanceof Error ? thrown.name : 'Error';
  return { code, message: messageOf(thrown) };
}
