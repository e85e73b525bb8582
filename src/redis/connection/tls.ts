import { ErrandError } from '../../base/errors.js';
import type { RedisAddress } from './address.js';

/** TLS options of the connections to Redis. Certificates and keys are the text of PEM files, not their paths. */
export interface RedisTls {
  /** Trusted certificate authorities. Default: those of Node.js, including `NODE_EXTRA_CA_CERTS`. */
  readonly ca?: string | readonly string[] | undefined;
  /** Certificate of this process, if Redis requires one. */
  readonly cert?: string | undefined;
  /** Private key of `cert`. */
  readonly key?: string | undefined;
  /** Expected name in the certificate of Redis. Default: the host in the URL. */
  readonly servername?: string | undefined;
  /** `false` trusts any certificate. Default `true`. */
  readonly rejectUnauthorized?: boolean | undefined;
}

/** @throws {ErrandError} `DOCKET_TLS` for options that contradict each other or the URL. */
export function checkTls(address: RedisAddress, tls: RedisTls | undefined): void {
  if (tls === undefined) return;
  if (!address.tls) {
    throw new ErrandError(
      'DOCKET_TLS',
      `docket.tls is set, but docket.url is '${address.shown}', which is not encrypted. Write rediss:// in the URL.`,
    );
  }
  const { ca = [], cert = [], key = [] } = tls;
  for (const [name, texts] of Object.entries({ ca, cert, key })) {
    if ([texts].flat().every((text) => text.includes('-----BEGIN '))) continue;
    throw new ErrandError(
      'DOCKET_TLS',
      `docket.tls.${name} is not PEM text. Pass the content of the file, not its path: readFileSync(path, 'utf8').`,
    );
  }
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    throw new ErrandError(
      'DOCKET_TLS',
      'docket.tls has only one of cert and key. A certificate needs its key, so pass both.',
    );
  }
}
