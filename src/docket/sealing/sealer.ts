import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { ErrandError } from '../../base/errors.js';
import type { Json } from '../../base/json.js';

const cipher = 'aes-256-gcm';
const keyLength = 32;
const nonceLength = 12;
const tagLength = 16;

/** The prefix of every sealed value, with the version of the format. */
const mark = 'errand-sealed:1:';

interface Key {
  readonly id: string;
  readonly secret: Uint8Array;
}

/** Where a value belongs. It opens nowhere else, so that write access to Redis does not allow swapping values. */
export interface SealContext {
  /** The key of the execution, or another name under which the value is stored. */
  readonly key: string;
  /** The part of the record: `input`, `outcome` … */
  readonly part: string;
}

/**
 * Seals values with AES-256-GCM. Each execution gets a key of its own, derived from the docket's (HKDF, RFC 5869), so that
 * no key seals enough values for its random nonces to collide.
 */
export class Sealer {
  private readonly keys: readonly [Key, ...Key[]];

  /**
   * @param secrets - the first one seals, all of them open; see {@link readEncryptionKey}
   * @param docket - the name of the docket, which is part of every context
   */
  constructor(
    secrets: readonly [Uint8Array, ...Uint8Array[]],
    private readonly docket: string,
  ) {
    const [first, ...others] = secrets;
    this.keys = [toKey(first), ...others.map(toKey)];
  }

  /** Seals a value as text that names the key to open it. */
  seal(value: Json, context: SealContext): string {
    const [key] = this.keys;
    const nonce = randomBytes(nonceLength);
    const sealing = createCipheriv(cipher, this.keyFor(context, key), nonce).setAAD(Buffer.from(context.part));
    const parts = [nonce, sealing.update(JSON.stringify(value), 'utf8'), sealing.final(), sealing.getAuthTag()];
    return `${mark}${key.id}:${Buffer.concat(parts).toString('base64url')}`;
  }

  /** @throws {ErrandError} `SEAL_INVALID` if the value is not sealed, its key is missing, or it was changed or moved. */
  open(sealed: unknown, context: SealContext): Json {
    const what = `The ${context.part} of '${context.key}'`;
    if (!isSealed(sealed)) throw invalid(`${what} is not sealed, but the docket has encryptionKeys`);
    const [id, text = ''] = sealed.slice(mark.length).split(':');
    const key = this.keys.find((each) => each.id === id);
    if (key === undefined) throw invalid(`${what} was sealed with the key ${id}, which docket.encryptionKeys lacks`);
    const bytes = Buffer.from(text, 'base64url');
    try {
      const opening = createDecipheriv(cipher, this.keyFor(context, key), bytes.subarray(0, nonceLength), {
        authTagLength: tagLength,
      })
        .setAAD(Buffer.from(context.part))
        .setAuthTag(bytes.subarray(-tagLength));
      const opened = Buffer.concat([opening.update(bytes.subarray(nonceLength, -tagLength)), opening.final()]);
      return JSON.parse(opened.toString('utf8')) as Json;
    } catch (cause) {
      throw invalid(`${what} was changed after it was sealed, or was sealed for another record`, cause);
    }
  }

  private keyFor({ key }: SealContext, { secret }: Key): Uint8Array {
    // The length separates docket and key, whatever characters they contain.
    const info = `errand ${this.docket.length} ${this.docket} ${key}`;
    return new Uint8Array(hkdfSync('sha256', secret, '', createHash('sha256').update(info).digest(), keyLength));
  }
}

/** Whether a value was made by {@link Sealer.seal}. */
export function isSealed(value: unknown): value is string {
  return typeof value === 'string' && value.startsWith(mark);
}

/**
 * Refuses a sealed snapshot if there are no keys to open it.
 *
 * @throws {ErrandError} `SEAL_INVALID`
 */
export function refuseSealed(snapshot: Json | undefined, key: string): void {
  if (isSealed(snapshot)) throw invalid(`The snapshot of '${key}' is sealed, but docket.encryptionKeys is not set`);
}

/** Reads a key of 32 bytes in base64, base64url or 64 hexadecimal digits; undefined for anything else. */
export function readEncryptionKey(text: string): Uint8Array | undefined {
  if (/^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex');
  return /^[\w+/-]{43}=?$/.test(text) ? Buffer.from(text, 'base64') : undefined;
}

/** The id is a part of the key's hash, so it reveals nothing about the key. */
function toKey(secret: Uint8Array): Key {
  const id = createHash('sha256').update('errand key id').update(secret).digest('base64url').slice(0, 11);
  return { id, secret };
}

const invalid = (what: string, cause?: unknown): ErrandError =>
  new ErrandError(
    'SEAL_INVALID',
    `${what}. Give every process the key that sealed it, and keep an old key as long as its values exist.`,
    {
      cause,
    },
  );
