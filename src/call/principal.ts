import { markCopy } from '../base/package-copy.js';
import { createHash } from 'node:crypto';
import type { AuthInfo } from '../protocol/auth.js';

/**
 * Token for the caller: issuer, subject and client id of the access token. Without authorization every client is the
 * one principal `anonymous`. In a worker it is restored from the snapshot.
 */
export class CurrentPrincipal {
  static {
    markCopy(this);
  }

  constructor(
    /** The same for every call with this issuer, subject and client; `'anonymous'` without authorization. */
    readonly id: string,
    /** Facts from the access token; empty for `anonymous`. */
    readonly facts: {
      /** The issuer of the token. */
      readonly issuer?: string;
      /** The subject: the user it was issued for. */
      readonly subject?: string;
      /** The client it was issued to. */
      readonly clientId?: string;
    } = {},
  ) {}

  /** Whether the caller brought no access token. */
  get isAnonymous(): boolean {
    return this.id === anonymousId;
  }
}

const anonymousId = 'anonymous';

/** The principal of every caller without an access token. */
export const anonymous = new CurrentPrincipal(anonymousId);

/**
 * Token for the client's access token. Absent without authorization: inject it with `{ optional: true }` if a component
 * runs both with and without. A call that needs it and has none fails with `NO_ACCESS_TOKEN`.
 *
 * A call may outlive the token, above all one that has waited in the docket or for an answer. What is known about an expired
 * token stays, but not the token string: look at {@link CurrentAccessToken.isExpired}.
 *
 * @example
 * ```ts
 * import { CurrentAccessToken, defineTool, ToolError } from 'errand';
 *
 * export const sync = defineTool({
 *   name: 'sync',
 *   task: 'optional',
 *   inject: [CurrentAccessToken],
 *   run: async (_input, { token, isExpired }) => {
 *     if (isExpired) throw new ToolError('Your sign-in has expired. Sign in again and repeat the request.');
 *     return (await fetch('https://api.example.com/', { headers: { authorization: `Bearer ${token}` } })).status;
 *   },
 * });
 * ```
 */
export class CurrentAccessToken {
  static {
    markCopy(this);
  }
  /** The token string; undefined once it has expired, and in a worker unless `docket.encryptionKeys` is set. */
  declare readonly token: string | undefined;

  constructor(
    token: string | undefined,
    /** The OAuth client the token was issued to. */
    readonly clientId: string,
    /** The scopes granted by the token. */
    readonly scopes: readonly string[],
    /** Expiry in seconds since 1970, as in the token; undefined if the verifier gave none. */
    readonly expiresAt: number | undefined,
    /** Everything else the token's verifier found. */
    readonly claims: Readonly<Record<string, unknown>>,
  ) {
    Object.defineProperty(this, 'token', { get: () => (this.isExpired ? undefined : token), enumerable: true });
  }

  /** Whether it has expired by now, by this machine's clock. False if its expiry is unknown. */
  get isExpired(): boolean {
    return this.expiresAt !== undefined && this.expiresAt <= Date.now() / 1_000;
  }
}

/**
 * Token for the HTTP headers of the request. Empty over stdio and in memory; in a worker, only those that
 * `docket.headers` allows.
 */
export class CurrentHeaders {
  static {
    markCopy(this);
  }

  private readonly values: Readonly<Record<string, string>>;

  constructor(headers: Readonly<Record<string, string | readonly string[] | undefined>> = {}) {
    const values: Record<string, string> = {};
    for (const [name, value] of Object.entries(headers)) {
      if (value !== undefined) values[name.toLowerCase()] = typeof value === 'string' ? value : value.join(', ');
    }
    this.values = values;
  }

  /** The value of a header; its name is case-insensitive. */
  get(name: string): string | undefined {
    const key = name.toLowerCase();
    return Object.hasOwn(this.values, key) ? this.values[key] : undefined;
  }

  /** All headers, with their names in lower case. */
  entries(): [string, string][] {
    return Object.entries(this.values);
  }
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** The principal that a transport's auth info stands for. */
export function principalOf(auth: AuthInfo | undefined): CurrentPrincipal {
  if (auth === undefined) return anonymous;
  const extra = auth.extra ?? {};
  const facts = { issuer: textOf(extra.iss), subject: textOf(extra.sub), clientId: auth.clientId };
  const id = createHash('sha256')
    .update(JSON.stringify([facts.issuer, facts.subject, facts.clientId]))
    .digest('base64url');
  return new CurrentPrincipal(id, facts);
}

/** The access token of a transport's auth info. */
export function accessTokenOf(auth: AuthInfo | undefined): CurrentAccessToken | undefined {
  if (auth === undefined) return undefined;
  return new CurrentAccessToken(auth.token, auth.clientId, auth.scopes, auth.expiresAt, auth.extra ?? {});
}
