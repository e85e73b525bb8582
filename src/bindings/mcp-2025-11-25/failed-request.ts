import { ErrandError } from '../../base/errors.js';
import type { RareLog } from '../../base/rare-log.js';
import { ProtocolError, rpcCode } from '../../protocol/errors.js';

/** The error that answers a request whose handler threw. Anything but a protocol error is logged. */
export function failureOfRequest(error: unknown, method: string, log: RareLog): ProtocolError {
  if (error instanceof ProtocolError) return error;
  const kind = `${method}: ${ErrandError.is(error) ? error.code : (error as Partial<Error> | undefined)?.name}`;
  log.write('error', 'A request failed', { method, error }, kind);
  return new ProtocolError(rpcCode.internalError, exposedMessageOf(error));
}

/** The message of a failed request, as its client may see it. Addresses and replies of Redis are for the log only. */
function exposedMessageOf(error: unknown): string {
  if (!ErrandError.is(error)) return 'Internal error';
  if (error.exposed) return error.message;
  if (error.code === 'DOCKET_DAMAGED') {
    return 'The record of this task is damaged and cannot be read (DOCKET_DAMAGED). Trying again does not help: start the task anew.';
  }
  if (error.code !== 'DOCKET_UNAVAILABLE') return 'Internal error';
  return 'The tasks of this server are not available at the moment. Try again later.';
}
