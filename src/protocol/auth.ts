/** An access token that the host has verified, and what it says. */
export interface AuthInfo {
  /** The token itself. */
  token: string;
  /** The OAuth client that it was given to. */
  clientId: string;
  /** What it allows. */
  scopes: string[];
  /** When it expires, in seconds since 1970. */
  expiresAt?: number;
  /** The server that it was issued for (RFC 8707). */
  resource?: URL;
  /** Further claims: `iss` and `sub` make the principal, together with the client. */
  extra?: Record<string, unknown>;
}
