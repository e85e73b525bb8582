import { randomUUID } from 'node:crypto';
import { ErrandError, messageOf } from '../base/errors.js';
import type { Json } from '../base/json.js';
import type { Logger } from '../base/logger.js';
import { ToolError } from '../components/results/results.js';
import type { ComponentKind } from '../components/component.js';
import type { ClientResult } from '../components/results/output.js';
import { isProtocolError, rpcCode, toWireError, type WireError } from '../protocol/errors.js';

/** What a call left behind, as it is stored. `result` is absent when nothing was returned. */
export type Outcome = { readonly result?: Json } | { readonly error: WireError };

/** What a call answers its client: a result, of a tool also an unsuccessful one, or an error of the protocol. */
export type ClientOutcome = { readonly result: ClientResult } | { readonly error: WireError };

/** Whether unexpected errors are shown to the client (`'reveal'`) or only a reference id (`'mask'`). */
export type ErrorDisclosure = 'mask' | 'reveal';

/** Whether another attempt may help: errors that were meant for the client, and invalid values, stay what they are. */
export function isRetryable(thrown: unknown): boolean {
  if (ErrandError.is(thrown)) return thrown.retryable;
  return !(ToolError.is(thrown) || isProtocolError(thrown));
}

/** What a client is told of something thrown, and what the log keeps. */
export function failureOf(
  { kind, name }: { readonly kind: ComponentKind; readonly name: string },
  thrown: unknown,
  logger: Logger,
  disclosure: ErrorDisclosure,
): ClientOutcome {
  if (isProtocolError(thrown)) {
    const error = toWireError(thrown);
    if (thrown.data !== undefined && error.data === undefined) {
      logger.error('The data of an error is not JSON, so the client got the error without it', {
        [kind]: name,
        error: thrown,
      });
    }
    return { error };
  }
  const message = textFor(kind, name, thrown, logger, disclosure);
  if (kind === 'tool') return { result: { content: [{ type: 'text', text: message }], isError: true } };
  // Only tools have results that say that something went wrong.
  const code = ErrandError.is(thrown, 'INPUT_INVALID') ? rpcCode.invalidParams : rpcCode.internalError;
  return { error: { code, message } };
}

function textFor(
  kind: ComponentKind,
  name: string,
  thrown: unknown,
  logger: Logger,
  disclosure: ErrorDisclosure,
): string {
  if (ToolError.is(thrown) || (ErrandError.is(thrown) && thrown.exposed)) return messageOf(thrown);
  const reference = randomUUID();
  logger.error(`A ${kind} call failed`, { [kind]: name, reference, error: thrown });
  const detail = disclosure === 'reveal' ? `: ${messageOf(thrown)}` : '';
  return `${name} failed${detail}. Reference ${reference}.`;
}

/** What is stored of an error that no client sees: it belongs to those who run the server. */
export function storedError(thrown: unknown): WireError {
  if (isProtocolError(thrown)) return toWireError(thrown);
  const code = ErrandError.is(thrown) ? thrown.code : thrown instanceof Error ? thrown.name : 'Error';
  return { code, message: messageOf(thrown) };
}
