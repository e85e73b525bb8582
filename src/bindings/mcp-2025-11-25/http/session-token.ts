import { randomBytes } from 'node:crypto';
import { SUPPORTED_PROTOCOL_VERSIONS } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import type { ClientFacts } from '../../../call/frame.js';

/** What a client says of itself when it initializes. */
export interface KnownClient extends ClientFacts {
  readonly protocolVersion: string;
  /** Its session, where the transport does not know it. */
  readonly sessionId?: string;
}

/** The longest session id, in characters, so that it fits into a header next to others. */
const longestClaim = 4096;

/** That it is there says it all. The SDK lets a client declare with any object, also an array. */
const declared = z
  .custom<object>((value) => typeof value === 'object' && value !== null, 'expected an object')
  .transform(() => ({}));

/** What decides whether the client can be asked, and nothing else, so that it stays short. */
const Capabilities = z.object({
  elicitation: z
    .object({ form: z.object({ applyDefaults: z.boolean().optional() }).optional(), url: declared.optional() })
    // Without its other modes it would be `{}`, which means forms.
    .transform((modes) => (modes.form === undefined && modes.url === undefined ? undefined : modes))
    .optional(),
  sampling: z.object({ context: declared.optional(), tools: declared.optional() }).optional(),
  roots: z.object({ listChanged: z.boolean().optional() }).optional(),
  tasks: z
    .object({
      list: declared.optional(),
      cancel: declared.optional(),
      requests: z
        .object({
          sampling: z.object({ createMessage: declared.optional() }).optional(),
          elicitation: z.object({ create: declared.optional() }).optional(),
        })
        .optional(),
    })
    .optional(),
});

/** Names are for people; what is beyond this many characters of one is not worth a longer header. */
const Name = z.string().transform((name) => name.slice(0, 128));

const Claim = z.object({
  version: z.literal(1),
  sessionId: z.string().regex(/^[\w-]{22}$/),
  protocolVersion: z.enum(SUPPORTED_PROTOCOL_VERSIONS),
  capabilities: Capabilities,
  info: z.object({ name: Name, version: Name, title: Name.optional() }).optional(),
});

/**
 * The session id that a stateless listener hands out: what the client said when it initialized, for whoever serves its
 * next request. The client could write one itself, which gives it no rights: tasks belong to principals and random ids.
 */
export function encodeSessionToken({ capabilities, protocolVersion, info }: KnownClient): string {
  const claim = Claim.parse({
    version: 1,
    sessionId: randomBytes(16).toString('base64url'),
    protocolVersion,
    capabilities,
    info,
  });
  return Buffer.from(JSON.stringify(claim)).toString('base64url');
}

/** What {@link encodeSessionToken} was given; undefined for any text that does not come from there. */
export function decodeSessionToken(text: string): KnownClient | undefined {
  if (text.length > longestClaim || !/^[\w-]+$/.test(text)) return undefined;
  const claim = Claim.safeParse(jsonOf(Buffer.from(text, 'base64url').toString('utf8')));
  if (!claim.success) return undefined;
  const { sessionId, protocolVersion, capabilities, info } = claim.data;
  return { sessionId, protocolVersion, capabilities, ...(info !== undefined && { info }) };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
