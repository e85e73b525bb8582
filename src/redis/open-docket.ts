import { z } from 'zod';
import { ErrandError, withoutPassword } from '../base/errors.js';
import { describeIssues } from '../base/issues.js';
import { DocketClient } from '../docket/docket-client.js';
import { docketEnvironment, docketOptions, withoutUndefined } from '../docket/docket-options.js';
import type { OnError } from '../docket/engine/watchers.js';
import { SealedEngine } from '../docket/sealing/sealed-engine.js';
import { Sealer } from '../docket/sealing/sealer.js';
import type { RedisTls } from './connection/tls.js';
import { makeRedisEngine, withCaFile } from './open-engine.js';

/** How operators are told what goes wrong while nobody waits for an answer. */
export interface DocketReports {
  /** Receives what goes wrong with Redis between calls, and values that cannot be opened. Default: it is dropped. */
  readonly onError?: OnError | undefined;
  /** Called for each connection that was lost and made again. */
  readonly onReconnect?: (() => void) | undefined;
}

/** Which docket, and how to reach its Redis. An option wins over the environment. */
export interface OpenDocketOptions extends DocketReports {
  /** As `docket.url` of `createServer` takes it, for a docket on Redis. Environment: `ERRAND_DOCKET_URL`. */
  readonly url?: string;
  /** The name of the docket: that of its server, unless `docket.name` says another. Environment: `ERRAND_DOCKET_NAME`. */
  readonly name?: string;
  /** Whom an encrypted connection trusts. Default: whom Node.js trusts. Environment: `ERRAND_DOCKET_CA`, the path of a PEM file. */
  readonly tls?: RedisTls;
  /** As `docket.encryptionKeys` of `createServer` takes them. Environment: `ERRAND_DOCKET_ENCRYPTION_KEYS`, separated by commas. */
  readonly encryptionKeys?: readonly string[];
  /** How long the start, and later a command, may take, in milliseconds. Default 5,000. */
  readonly deadline?: number;
}

/** Where a server's docket is looked for, if not where its options say. */
export interface ServerDocketOptions extends DocketReports {
  /** Default: that of the server. */
  readonly url?: string | undefined;
  /** Default: that of the server. */
  readonly name?: string | undefined;
}

/** A docket with nothing left open. */
export interface ResolvedDocket extends DocketReports {
  readonly url: string;
  readonly name: string;
  readonly tls?: RedisTls | undefined;
  /** The path of a PEM file that stands in for `tls.ca`. */
  readonly caFile?: string | undefined;
  readonly keys?: readonly [Uint8Array, ...Uint8Array[]] | undefined;
  readonly deadline?: number | undefined;
}

const isFunction = (value: unknown): boolean => typeof value === 'function';

const Options = z.strictObject({
  ...docketOptions,
  deadline: z.number().min(1).optional(),
  onError: z.custom<OnError>(isFunction, 'expected a function').optional(),
  onReconnect: z.custom<() => void>(isFunction, 'expected a function').optional(),
});

/**
 * Opens a docket on Redis to look after it: list, show, cancel and retry executions, follow them, and see who works on
 * them. It needs none of the server's code. Where the docket is sealed, give it the keys of its server; without them, or with
 * others, what is sealed is told as such and the rest can be read.
 *
 * @throws {ErrandError} `OPTIONS_INVALID` for a wrong option, and where nothing says which docket; `DOCKET_URL` for a URL that
 * is none of Redis; `DOCKET_TLS`; `DOCKET_PEER` where ioredis or bullmq is not installed; `DOCKET_UNAVAILABLE` where Redis
 * does not answer within the deadline.
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
  const given = Options.safeParse({ ...docketEnvironment(process.env), ...withoutUndefined(options) });
  if (!given.success) throw new ErrandError('OPTIONS_INVALID', `openDocket: ${describeIssues(given.error)}.`);
  const { encryptionKeys: keys, name, ...rest } = given.data;
  refuseMemory(rest.url);
  if (name === undefined) {
    throw new ErrandError(
      'OPTIONS_INVALID',
      'Which docket? Give its name (on the command line --docket-name, or --server with the file of its server), or set ERRAND_DOCKET_NAME. Without docket.name, a docket has the name of its server.',
    );
  }
  return openResolvedDocket({ ...rest, name, caFile: process.env['ERRAND_DOCKET_CA'], keys });
}

/**
 * Opens the docket that a server would, whose options were read before.
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
  return new DocketClient(engine);
}

function refuseMemory(url: string): void {
  if (!/^memory:/i.test(url)) return;
  throw new ErrandError(
    'DOCKET_URL',
    `The docket is at '${withoutPassword(url)}': it lives in the memory of its server, where no other process sees it. Give the Redis of a docket as its url (--docket-url on the command line), or set ERRAND_DOCKET_URL.`,
  );
}
