import { randomUUID } from 'node:crypto';
import { ErrandError, messageOf } from '../base/errors.js';
import type { Json } from '../base/json.js';
import type { Logger } from '../base/logger.js';
import { ToolError } from '../components/results/results.js';
import type { ComponentKind } from '../components/component.js';
import type { ClientResult } from '../components/results/output.js';
import { isProtocolError, rpcCode, toWireError, type WireError } from '../protocol/errors.js';

/** The outcome of a call, as stored. `result` is absent if the method returned nothing. */
export type Outcome = { readonly result?: Json } | { readonly error: WireError };

/** The outcome of a call for its client: a result (a tool's may carry `isError`), or a protocol error. */
export type ClientOutcome = { readonly result: ClientResult } | { readonly error: WireError };

/** Whether clients see unexpected errors (`'reveal'`) or only a reference id (`'mask'`). */
export type ErrorDisclosure = 'mask' | 'reveal';

/** Whether another attempt may help. Errors meant for the client and invalid values would only recur. */
export function isRetryable(thrown: unknown): boolean {
  if (ErrandError.is(thrown)) return thrown.retryable;
  return !(ToolError.is(thrown) || isProtocolError(thrown));
}

/** Turns a thrown value into the client's outcome, and logs what the client must not see. */
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
  // Only the result of a tool can say that something went wrong.
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

/** The stored form of an error that only the server's operators see. */
export function storedError(thrown: unknown): WireError {
  if (isProtocolError(thrown)) return toWireError(thrown);
  const code = ErrandError.is(thrown) ? thrown.code : thrown instanceof Error ? thrown.name : 'Error';
  return { code, message: messageOf(thrown) };
}
