import { generate } from 'selfsigned';

/** A certificate with its private key, as PEM. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

const elliptic = { keyType: 'ec', algorithm: 'sha256' } as const;

/** An authority of one's own, which nobody trusts by itself. */
export async function anAuthority(): Promise<Certificate> {
  const made = await generate([{ name: 'commonName', value: 'The authority of the tests' }], {
    ...elliptic,
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, digitalSignature: true, critical: true },
    ],
  });
  return { cert: made.cert, key: made.private };
}

/** A certificate for this machine, and for those who connect from it. */
export async function certificateOf(authority: Certificate, name = 'localhost'): Promise<Certificate> {
  const made = await generate([{ name: 'commonName', value: name }], {
    ...elliptic,
    ca: authority,
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true },
      { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
      { name: 'subjectAltName', altNames: [{ type: 2, value: name }, ...(name === 'localhost' ? [loopback] : [])] },
    ],
  });
  return { cert: made.cert, key: made.private };
}

const loopback = { type: 7, ip: '127.0.0.1' } as const;
