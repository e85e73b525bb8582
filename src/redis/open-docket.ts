import { z } from 'zod';
import { ErrandError, withoutPassword } from '../base/errors.js';
import { readOptions } from '../base/read-options.js';
import { DocketClient } from '../docket/docket-client.js';
import { docketEnvironment, docketOptions, withoutUndefined } from '../docket/docket-options.js';
import type { SizeLimits } from '../docket/engine/size-limits.js';
import type { OnError } from '../docket/engine/watchers.js';
import { SealedEngine } from '../docket/sealing/sealed-engine.js';
import { Sealer } from '../docket/sealing/sealer.js';
import type { RedisTls } from './connection/tls.js';
import { makeRedisEngine, withCaFile } from './open-engine.js';

/** Callbacks for errors and reconnects that no caller waits for. */
export interface DocketReports {
  /** Receives errors of Redis between calls, and of values that cannot be opened. Default: they are dropped. */
  readonly onError?: OnError | undefined;
  /** Called for each connection that was lost and restored. */
  readonly onReconnect?: (() => void) | undefined;
}

/** Options of {@link openDocket}. They override the environment. */
export interface OpenDocketOptions extends DocketReports {
  /** The URL of its Redis, in the form of `docket.url` of `createServer`. Environment: `ERRAND_DOCKET_URL`. */
  readonly url?: string;
  /**
   * The name of the docket: its server's `docket.name`, or else its server's name. Environment: `ERRAND_DOCKET_NAME`.
   */
  readonly name?: string;
  /**
   * Options of an encrypted connection. Default: those of Node.js. Environment: `ERRAND_DOCKET_CA`, the path of a PEM
   * file whose content is used as `ca`.
   */
  readonly tls?: RedisTls;
  /**
   * The keys of a sealed docket: its server's `docket.encryptionKeys`. Environment: `ERRAND_DOCKET_ENCRYPTION_KEYS`,
   * separated by commas.
   */
  readonly encryptionKeys?: readonly string[];
  /** How long the start, and later each command, may take, in milliseconds. Default 5,000. */
  readonly deadline?: number;
}

/** Options of `server.openDocket`. They override those of the server. */
export interface ServerDocketOptions extends DocketReports {
  /** Default: the server's. */
  readonly url?: string | undefined;
  /** Default: the server's. */
  readonly name?: string | undefined;
}

/** A docket whose settings are all known. */
export interface ResolvedDocket extends DocketReports {
  readonly url: string;
  readonly name: string;
  readonly tls?: RedisTls | undefined;
  /** The path of a PEM file to use if `tls.ca` is not set. */
  readonly caFile?: string | undefined;
  readonly keys?: readonly [Uint8Array, ...Uint8Array[]] | undefined;
  readonly deadline?: number | undefined;
  /** The limit of an answer, if it is not the usual one. */
  readonly limits?: Pick<SizeLimits, 'input'>;
}

const isFunction = (value: unknown): boolean => typeof value === 'function';

const Options = z.strictObject({
  ...docketOptions,
  deadline: z.number().min(1).optional(),
  onError: z.custom<OnError>(isFunction, 'expected a function').optional(),
  onReconnect: z.custom<() => void>(isFunction, 'expected a function').optional(),
});

/**
 * Opens a docket on Redis for operators: to list, show, follow, cancel and retry executions, and to list workers. Needs
 * none of the server's code. For a sealed docket, pass the keys of its server; without the right keys, sealed values
 * show up as sealed, and the rest is readable.
 *
 * @throws {ErrandError} `OPTIONS_INVALID` for an invalid option, or if nothing names the docket; `DOCKET_URL` if the
 * URL is not that of a Redis; `DOCKET_TLS`; `DOCKET_PEER` if ioredis or bullmq is not installed; `DOCKET_UNAVAILABLE`
 * if Redis does not answer within the deadline.
 *
 * @example
 * ```ts
 * import { openDocket } from 'errand/redis';
 *
 * const docket = await openDocket({ url: 'redis://localhost:6379', name: 'reports' });
 * console.log(await docket.stats(), await docket.workers());
 * await docket.close();
 * ```
 */
export async function openDocket(options: OpenDocketOptions = {}): Promise<DocketClient> {
  const given = { ...docketEnvironment(process.env), ...withoutUndefined(options) };
  const { encryptionKeys: keys, name, ...rest } = readOptions(Options, given, 'openDocket');
  refuseMemory(rest.url);
  if (name === undefined) {
    throw new ErrandError(
      'OPTIONS_INVALID',
      'Which docket? Give its name (--docket-name on the command line, or --server with its server file), or set ERRAND_DOCKET_NAME. Unless docket.name is set, a docket has the name of its server.',
    );
  }
  return openResolvedDocket({ ...rest, name, caFile: process.env['ERRAND_DOCKET_CA'], keys });
}

/**
 * Opens a docket whose options have already been validated.
 *
 * @throws {ErrandError} `DOCKET_URL`, `DOCKET_TLS`, `DOCKET_PEER`, `DOCKET_UNAVAILABLE`
 */
export async function openResolvedDocket(docket: ResolvedDocket): Promise<DocketClient> {
  const { url, name, keys, deadline, onError = () => undefined, onReconnect } = docket;
  refuseMemory(url);
  const tls = await withCaFile(url, docket.tls, docket.caFile);
  const plain = await makeRedisEngine({
    url,
    tls,
    name,
    onError,
    ...(deadline !== undefined && { deadline }),
    ...(onReconnect && { onReconnect }),
  });
  const engine = keys === undefined ? plain : new SealedEngine(plain, new Sealer(keys, name), onError);
  await engine.start();
  return new DocketClient(engine, docket.limits);
}

function refuseMemory(url: string): void {
  if (!/^memory:/i.test(url)) return;
  throw new ErrandError(
    'DOCKET_URL',
    `The docket is at '${withoutPassword(url)}': it lives in the memory of its server, where no other process can reach it. Give the url of a Redis (--docket-url on the command line), or set ERRAND_DOCKET_URL.`,
  );
}
