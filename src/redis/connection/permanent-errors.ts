import { ErrandError, messageOf } from '../../base/errors.js';
import type { RedisAddress } from './address.js';

/** What Redis answers to a wrong user or password, and to one who may not do what the docket does. */
const unwelcome = /\b(WRONGPASS|NOAUTH|NOPERM)\b|invalid password|without any password/;
const wrongDatabase = /DB index is out of range/;
const noCluster = /cluster support disabled/;
const inCluster = /^MOVED /;
/** What a Sentinel says that does not know the master; those it has been told of it knows from its start. */
const noMaster = /No such master|invalid reply: null/;
/** The client does not trust the server, or the server the client, or one of them speaks no TLS. */
const distrust =
  /certificate|self-signed|unable to (get|verify)|altnames|\bERR_(SSL|TLS|OSSL)_|\bSSL routines\b|\bEPROTO\b|\bCERT_/i;

/** What is thrown for an answer that will be the same at the next attempt; undefined where waiting may help. */
export function asRefusal(error: unknown, { shown, kind }: RedisAddress): ErrandError | undefined {
  const cause = withoutCommand(causeOf(error));
  const said = messageOf(cause).trim().replace(/\.$/, '');
  const make = (code: 'DOCKET_URL' | 'DOCKET_TLS', what: string): ErrandError =>
    new ErrandError(code, `The Redis of docket.url, ${shown}, ${what}`, { cause });
  if (unwelcome.test(said)) {
    return make('DOCKET_URL', `refuses it: ${said}. Check the user, its password and its rights.`);
  }
  if (wrongDatabase.test(said)) return make('DOCKET_URL', `refuses it: ${said}. Check the number of the database.`);
  if (noCluster.test(said)) return make('DOCKET_URL', 'is not part of a cluster. Write redis:// in the URL.');
  if (inCluster.test(said) && kind !== 'cluster') {
    return make('DOCKET_URL', 'is part of a cluster. Write redis+cluster:// in the URL.');
  }
  if (noMaster.test(said)) {
    return make('DOCKET_URL', 'is not known to its Sentinels. Check the name of the master in the URL.');
  }
  if (distrust.test(`${codeOf(cause)} ${said}`)) {
    return make('DOCKET_TLS', `cannot be trusted, or does not trust this process: ${said}. Check docket.tls.`);
  }
  return undefined;
}

/** An error of a cluster hides that of the node. */
function causeOf(error: unknown): unknown {
  return error instanceof Error && 'lastNodeError' in error && error.lastNodeError ? error.lastNodeError : error;
}

/** What went wrong, in a few words; empty where that is not known. */
export function reasonOf(error: unknown): string {
  if (error === undefined) return '';
  const cause = causeOf(error);
  return messageOf(cause) || codeOf(cause) || 'no answer';
}

/** Whether a command failed because its connection broke and could not be made again in time. */
export const wasGivenUp = (error: unknown): boolean =>
  error instanceof Error && error.name === 'MaxRetriesPerRequestError';

/** Errors of ioredis carry the command with its arguments: the password, or what a user has said. */
export function withoutCommand(error: unknown): unknown {
  if (error instanceof Error) {
    if ('command' in error) delete error.command;
    if ('lastNodeError' in error) withoutCommand(error.lastNodeError);
  }
  return error;
}

const codeOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
