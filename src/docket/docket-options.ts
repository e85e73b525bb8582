import { z } from 'zod';
import { isWellFormed } from '../base/json.js';
import { readEncryptionKey } from './sealing/sealer.js';

/** A type for `process.env`. Node.js's own would require every user to install its types. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A name that may become part of a key in Redis. */
export const nameOption = z.string().min(1).refine(isWellFormed, 'contains an unpaired surrogate');

/** An invalid key is reported without the key. */
const EncryptionKey = z.string().transform((text, ctx) => {
  const key = readEncryptionKey(text);
  if (key !== undefined) return key;
  ctx.addIssue({ code: 'custom', message: 'expected 32 bytes in base64 or hexadecimal: openssl rand -base64 32' });
  return z.NEVER;
});

/** The options of a docket that its server and `openDocket` share. */
export const docketOptions = {
  url: z.string().default('memory://'),
  tls: z
    .strictObject({
      ca: z.union([z.string(), z.array(z.string())]).optional(),
      cert: z.string().optional(),
      key: z.string().optional(),
      servername: z.string().optional(),
      rejectUnauthorized: z.boolean().optional(),
    })
    .optional(),
  name: nameOption.max(256).optional(),
  encryptionKeys: z
    .tuple([EncryptionKey], EncryptionKey, 'expected at least one key; leave it out to seal nothing')
    .optional(),
};

/** The {@link docketOptions} that the environment sets; the others are undefined. */
export function docketEnvironment({
  ERRAND_DOCKET_URL: url,
  ERRAND_DOCKET_NAME: name,
  ERRAND_DOCKET_ENCRYPTION_KEYS: keys,
}: Environment): { readonly url?: string; readonly name?: string; readonly encryptionKeys?: readonly string[] } {
  const encryptionKeys = keys?.split(',').map((key) => key.trim());
  return {
    ...(url !== undefined && { url }),
    ...(name !== undefined && { name }),
    ...(encryptionKeys !== undefined && { encryptionKeys }),
  };
}

/** Removes undefined options, so that they override neither defaults nor the environment. */
export function withoutUndefined<T extends object>(options: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [Name in keyof T]?: Exclude<T[Name], undefined>;
  };
}
