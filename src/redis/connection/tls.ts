import { ErrandError } from '../../base/errors.js';
import type { RedisAddress } from './address.js';

/** How a docket and its Redis trust each other. Certificates and keys are given as the text of PEM files, not as paths. */
export interface RedisTls {
  /** Whose certificates are trusted. Default: those that Node.js trusts, `NODE_EXTRA_CA_CERTS` included. */
  readonly ca?: string | readonly string[] | undefined;
  /** The certificate of this process, where Redis wants to see one. */
  readonly cert?: string | undefined;
  /** The private key of `cert`. */
  readonly key?: string | undefined;
  /** For whom the certificate of Redis has to be, where that is not the host in the URL. */
  readonly servername?: string | undefined;
  /** `false` trusts whoever answers. Default `true`. */
  readonly rejectUnauthorized?: boolean | undefined;
}

/** @throws {ErrandError} `DOCKET_TLS` for what cannot be meant. */
export function checkTls(address: RedisAddress, tls: RedisTls | undefined): void {
  if (tls === undefined) return;
  if (!address.tls) {
    throw new ErrandError(
      'DOCKET_TLS',
      `docket.tls is given, and docket.url is '${address.shown}', which is not encrypted. Write rediss:// in the URL.`,
    );
  }
  const { ca = [], cert = [], key = [] } = tls;
  for (const [name, texts] of Object.entries({ ca, cert, key })) {
    if ([texts].flat().every((text) => text.includes('-----BEGIN '))) continue;
    throw new ErrandError(
      'DOCKET_TLS',
      `docket.tls.${name} is no PEM text. Give what is in the file and not its path: readFileSync(path, 'utf8').`,
    );
  }
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    throw new ErrandError(
      'DOCKET_TLS',
      'docket.tls has one of cert and key. A certificate needs its key, so give both.',
    );
  }
}
