import { createHash } from 'node:crypto';
import type { AuthInfo } from '../protocol/auth.js';

/**
 * Who makes the call, and an injectable token: issuer, subject and client id of the access token. Without
 * authorization every client is the one principal `anonymous`. In a worker it comes from the snapshot.
 */
export class CurrentPrincipal {
  constructor(
    /** Stable for the same issuer, subject and client; `'anonymous'` without authorization. */
    readonly id: string,
    /** What the access token says; empty for `anonymous`. */
    readonly facts: {
      /** Who issued the token. */
      readonly issuer?: string;
      /** Whom it was issued for. */
      readonly subject?: string;
      /** Which client it was issued to. */
      readonly clientId?: string;
    } = {},
  ) {}

  /** Whether nobody proved who they are. */
  get isAnonymous(): boolean {
    return this.id === anonymousId;
  }
}

const anonymousId = 'anonymous';

/** The principal of everybody without an access token. */
export const anonymous = new CurrentPrincipal(anonymousId);

/**
 * The access token of the client, and an injectable token. Absent without authorization, so inject it with
 * `{ optional: true }` where both happen; a call that needs it and has none ends with `NO_ACCESS_TOKEN`.
 */
export class CurrentAccessToken {
  constructor(
    /** The token itself; absent in a worker, unless `docket.encryptionKeys` seals what is stored. */
    readonly token: string | undefined,
    /** The OAuth client that the token was issued to. */
    readonly clientId: string,
    /** What the token allows. */
    readonly scopes: readonly string[],
    /** Seconds since 1970, as in the token. */
    readonly expiresAt: number | undefined,
    /** What else the token's verifier found. */
    readonly claims: Readonly<Record<string, unknown>>,
  ) {}
}

/**
 * The HTTP headers of the request, and an injectable token. Empty over stdio and in memory; in a worker, those that
 * `docket.headers` allows to travel.
 */
export class CurrentHeaders {
  private readonly values: Readonly<Record<string, string>>;

  constructor(headers: Readonly<Record<string, string | readonly string[] | undefined>> = {}) {
    const values: Record<string, string> = {};
    for (const [name, value] of Object.entries(headers)) {
      if (value !== undefined) values[name.toLowerCase()] = typeof value === 'string' ? value : value.join(', ');
    }
    this.values = values;
  }

  /** The value of a header, whatever the case of its name. */
  get(name: string): string | undefined {
    const key = name.toLowerCase();
    return Object.hasOwn(this.values, key) ? this.values[key] : undefined;
  }

  /** All headers, their names in lower case. */
  entries(): [string, string][] {
    return Object.entries(this.values);
  }
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

/** The principal behind what a transport found out about the client. */
export function principalOf(auth: AuthInfo | undefined): CurrentPrincipal {
  if (auth === undefined) return anonymous;
  const extra = auth.extra ?? {};
  const facts = { issuer: textOf(extra.iss), subject: textOf(extra.sub), clientId: auth.clientId };
  const id = createHash('sha256')
    .update(JSON.stringify([facts.issuer, facts.subject, facts.clientId]))
    .digest('base64url');
  return new CurrentPrincipal(id, facts);
}

/** The access token as an injectable. */
export function accessTokenOf(auth: AuthInfo | undefined): CurrentAccessToken | undefined {
  if (auth === undefined) return undefined;
  return new CurrentAccessToken(auth.token, auth.clientId, auth.scopes, auth.expiresAt, auth.extra ?? {});
}
