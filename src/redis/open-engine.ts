import { readFile } from 'node:fs/promises';
import { ErrandError, messageOf } from '../base/errors.js';
import type { Engine } from '../docket/engine/engine.js';
import type { RedisTls } from './connection/tls.js';
import type { RedisEngineOptions } from './engine-options.js';

/**
 * Creates the Redis engine without starting it. Loads ioredis and bullmq, which only users of Redis need to install.
 *
 * @throws {ErrandError} `DOCKET_PEER` if ioredis or bullmq is not installed; `DOCKET_URL`, `DOCKET_TLS`,
 * `OPTIONS_INVALID`
 */
export async function makeRedisEngine(options: RedisEngineOptions): Promise<Engine> {
  const { RedisEngine } = await withPeers(import('./redis-engine.js'));
  return new RedisEngine(options);
}

/** Says what to install if a package for Redis is missing. @throws {ErrandError} `DOCKET_PEER` */
export async function withPeers<Module>(loading: Promise<Module>): Promise<Module> {
  try {
    return await loading;
  } catch (cause) {
    const missing = /Cannot find package '(ioredis|bullmq)'/.exec(messageOf(cause))?.[1];
    if (missing === undefined) throw cause;
    throw new ErrandError(
      'DOCKET_PEER',
      `The docket is on Redis, but the package '${missing}' is not installed. Run: npm install ioredis bullmq`,
      { cause },
    );
  }
}

/**
 * The TLS options for a URL, with the certificates in `file` (`ERRAND_DOCKET_CA`) if the options name none. An
 * unencrypted connection ignores the file.
 *
 * @throws {ErrandError} `DOCKET_TLS` if the file cannot be read
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
