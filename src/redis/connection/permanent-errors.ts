import { ErrandError, messageOf } from '../../base/errors.js';
import type { RedisAddress } from './address.js';

/** Answers of Redis to a wrong user or password, or to a user without the necessary rights. */
const unwelcome = /\b(WRONGPASS|NOAUTH|NOPERM)\b|invalid password|without any password/;
const wrongDatabase = /DB index is out of range/;
const noCluster = /cluster support disabled/;
const inCluster = /^MOVED /;
/** Answers of a Sentinel that does not know the master. Sentinels know all their masters from the start. */
const noMaster = /No such master|invalid reply: null/;
/** One side does not trust the other, or does not speak TLS. */
const distrust =
  /certificate|self-signed|unable to (get|verify)|altnames|\bERR_(SSL|TLS|OSSL)_|\bSSL routines\b|\bEPROTO\b|\bCERT_/i;

/** The error to throw for an answer that will not change. Undefined if another attempt may succeed. */
export function asRefusal(error: unknown, { shown, kind }: RedisAddress): ErrandError | undefined {
  const cause = withoutCommand(causeOf(error));
  const reason = messageOf(cause).trim().replace(/\.$/, '');
  const make = (code: 'DOCKET_URL' | 'DOCKET_TLS', what: string): ErrandError =>
    new ErrandError(code, `The Redis of docket.url, ${shown}, ${what}`, { cause });
  if (unwelcome.test(reason)) {
    return make('DOCKET_URL', `refuses the connection: ${reason}. Check the user, its password and its permissions.`);
  }
  if (wrongDatabase.test(reason)) {
    return make('DOCKET_URL', `refuses the connection: ${reason}. Check the database number.`);
  }
  if (noCluster.test(reason)) return make('DOCKET_URL', 'is not part of a cluster. Write redis:// in the URL.');
  if (inCluster.test(reason) && kind !== 'cluster') {
    return make('DOCKET_URL', 'is part of a cluster. Write redis+cluster:// in the URL.');
  }
  if (noMaster.test(reason)) {
    return make('DOCKET_URL', 'is unknown to its Sentinels. Check the name of the master in the URL.');
  }
  if (distrust.test(`${codeOf(cause)} ${reason}`)) {
    return make('DOCKET_TLS', `cannot be trusted, or does not trust this process: ${reason}. Check docket.tls.`);
  }
  return undefined;
}

/** The error of a cluster wraps the error of a node. */
function causeOf(error: unknown): unknown {
  return error instanceof Error && 'lastNodeError' in error && error.lastNodeError ? error.lastNodeError : error;
}

/** The reason of an error in a few words. Empty if unknown. */
export function reasonOf(error: unknown): string {
  if (error === undefined) return '';
  const cause = causeOf(error);
  return messageOf(cause) || codeOf(cause) || 'no answer';
}

/** Whether a command failed because its connection broke and was not restored in time. */
export const wasGivenUp = (error: unknown): boolean =>
  error instanceof Error && error.name === 'MaxRetriesPerRequestError';

/** Removes the command from an error of ioredis: its arguments may be a password or data of a user. */
export function withoutCommand(error: unknown): unknown {
  if (error instanceof Error) {
    if ('command' in error) delete error.command;
    if ('lastNodeError' in error) withoutCommand(error.lastNodeError);
  }
  return error;
}

const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
