/** A verified access token with its claims. */
export interface AuthInfo {
  /** The token itself. */
  token: string;
  /** The OAuth client that it was issued to. */
  clientId: string;
  /** The scopes that it grants. */
  scopes: string[];
  /** When it expires, in seconds since the epoch. */
  expiresAt?: number;
  /** The server that it was issued for (RFC 8707). */
  resource?: URL;
  /** Further claims: `iss` and `sub`, together with the client, make the principal. */
  extra?: Record<string, unknown>;
}
