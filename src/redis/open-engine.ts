import { readFile } from 'node:fs/promises';
import { ErrandError, messageOf } from '../base/errors.js';
import type { Engine } from '../docket/engine/engine.js';
import type { RedisTls } from './connection/tls.js';
import type { RedisEngineOptions } from './redis-engine.js';

/**
 * Makes the Redis engine, not started yet. Loads ioredis and bullmq, which only those install who use them.
 *
 * @throws {ErrandError} `DOCKET_PEER` where ioredis or bullmq is not installed; `DOCKET_URL`, `DOCKET_TLS`, `OPTIONS_INVALID`
 */
export async function makeRedisEngine(options: RedisEngineOptions): Promise<Engine> {
  const { RedisEngine } = await withPeers(import('./redis-engine.js'));
  return new RedisEngine(options);
}

/** Says what to install where a package for Redis is missing. @throws {ErrandError} `DOCKET_PEER` */
export async function withPeers<Module>(loading: Promise<Module>): Promise<Module> {
  try {
    return await loading;
  } catch (cause) {
    const missing = /Cannot find package '(ioredis|bullmq)'/.exec(messageOf(cause))?.[1];
    if (missing === undefined) throw cause;
    throw new ErrandError(
      'DOCKET_PEER',
      `The docket is on Redis, for which '${missing}' is not installed. Run: npm install ioredis bullmq`,
      { cause },
    );
  }
}

/**
 * TLS settings for a URL, with the certificates of `file` (`ERRAND_DOCKET_CA`) where the options name none. A connection
 * that is not encrypted has no use for it.
 *
 * @throws {ErrandError} `DOCKET_TLS` where the file cannot be read
 */
export async function withCaFile(
  url: string,
  tls: RedisTls | undefined,
  file: string | undefined,
): Promise<RedisTls | undefined> {
  if (file === undefined || tls?.ca !== undefined || !/^rediss/i.test(url)) return tls;
  const ca = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new ErrandError(
      'DOCKET_TLS',
      `ERRAND_DOCKET_CA names '${file}', which cannot be read: ${messageOf(cause)}. Give the path of a PEM file.`,
      { cause },
    );
  });
  return { ...tls, ca };
}
