import { z } from 'zod';
import { throughJson, type Json } from '../base/json.js';
import type { Caller, ClientFacts } from './frame.js';
import { anonymous, CurrentAccessToken, CurrentHeaders, CurrentPrincipal } from './principal.js';

/**
 * The part of a background call's frame that travels to the worker, restored there before any user code runs. The token
 * string itself travels only if it is sealed.
 */
const Snapshot = z.object({
  version: z.literal(1),
  principal: z.object({
    id: z.string(),
    facts: z.object({ issuer: z.string().optional(), subject: z.string().optional(), clientId: z.string().optional() }),
  }),
  accessToken: z
    .object({
      token: z.string().optional(),
      clientId: z.string(),
      scopes: z.array(z.string()),
      expiresAt: z.number().optional(),
      claims: z.record(z.string(), z.unknown()),
    })
    .optional(),
  headers: z.record(z.string(), z.string()),
  /** Absent for executions that no client asked for: those added by `docket.add`. */
  client: z
    .object({
      capabilities: z.record(z.string(), z.unknown()),
      info: z.object({ name: z.string(), version: z.string() }).loose().optional(),
      protocolVersion: z.string(),
      progressToken: z.union([z.string(), z.number()]).optional(),
      requestId: z.union([z.string(), z.number()]),
      sessionId: z.string().optional(),
    })
    .optional(),
});

/** The parts of a snapshot that only a client's request has. */
export type SnapshotClient = NonNullable<z.infer<typeof Snapshot>['client']>;

/** A snapshot, as restored in a worker. */
export interface RestoredSnapshot {
  readonly caller: Caller;
  readonly client?: SnapshotClient & ClientFacts;
}

/** Which facts about a caller may travel. */
export interface SnapshotRules {
  /** Header names in lower case. `authorization` and `cookie` never travel. */
  readonly headers: ReadonlySet<string>;
  /** Whether the docket seals its values, so that the token string may travel. */
  readonly sealed: boolean;
}

/**
 * Takes the snapshot of a caller, which refers to its facts; undefined for an anonymous one without headers, which {@link restoreSnapshot}
 * restores from nothing.
 *
 * @throws {ErrandError} `RESULT_NOT_JSON` for claims that cannot be written as JSON
 */
export function takeSnapshot(caller: Caller, rules: SnapshotRules, client?: SnapshotClient): Json | undefined {
  const { principal, accessToken, headers } = caller;
  const travelling = headers.entries().filter(([name]) => rules.headers.has(name) && !secretHeaders.has(name));
  if (principal === anonymous && !accessToken && travelling.length === 0 && !client) return undefined;
  const snapshot: z.infer<typeof Snapshot> = {
    version: 1,
    principal: { id: principal.id, facts: principal.facts },
    headers: Object.fromEntries(travelling),
    ...(accessToken !== undefined && {
      accessToken: {
        clientId: accessToken.clientId,
        scopes: [...accessToken.scopes],
        ...(rules.sealed && accessToken.token !== undefined && { token: accessToken.token }),
        // Claims are whatever the token's verifier found, which may include dates.
        claims: throughJson(accessToken.claims, 'The claims of the access token') as Record<string, Json>,
        ...(accessToken.expiresAt !== undefined && { expiresAt: accessToken.expiresAt }),
      },
    }),
    ...(client !== undefined && { client }),
  };
  return snapshot as Json;
}

const secretHeaders = new Set(['authorization', 'cookie', 'proxy-authorization']);

/** Restores a snapshot. One of another version fails: user code must not run with half of what it needs. */
export function restoreSnapshot(stored: Json | undefined): RestoredSnapshot {
  if (stored === undefined) return { caller: { principal: anonymous, headers: new CurrentHeaders() } };
  const { principal, accessToken, headers, client } = Snapshot.parse(stored);
  return {
    caller: {
      principal: new CurrentPrincipal(principal.id, principal.facts),
      headers: new CurrentHeaders(headers),
      ...(accessToken !== undefined && {
        accessToken: new CurrentAccessToken(
          accessToken.token,
          accessToken.clientId,
          accessToken.scopes,
          accessToken.expiresAt,
          accessToken.claims,
        ),
      }),
    },
    ...(client !== undefined && { client: client }),
  };
}
