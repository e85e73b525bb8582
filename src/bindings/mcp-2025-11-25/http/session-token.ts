import { randomBytes } from 'node:crypto';
import { SUPPORTED_PROTOCOL_VERSIONS } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import type { ClientFacts } from '../../../call/frame.js';

/** A client, as it introduced itself in `initialize`. */
export interface KnownClient extends ClientFacts {
  readonly protocolVersion: string;
  /** Its session, if the transport has none. */
  readonly sessionId?: string;
}

/** The maximum length of a session id, in characters, so that it fits into a header next to others. */
const longestToken = 4096;

/** Only its presence counts. The SDK lets a client declare a capability with any object, even an array. */
const declared = z
  .custom<object>((value) => typeof value === 'object' && value !== null, 'expected an object')
  .transform(() => ({}));

/** The capabilities that decide whether the client can be asked. Nothing else, so that the id stays short. */
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

/** Names are for people; the rest of a long one is not worth a longer header. */
const Name = z.string().transform((name) => name.slice(0, 128));

const TokenContent = z.object({
  version: z.literal(1),
  sessionId: z.string().regex(/^[\w-]{22}$/),
  protocolVersion: z.enum(SUPPORTED_PROTOCOL_VERSIONS),
  capabilities: Capabilities,
  info: z.object({ name: Name, version: Name, title: Name.optional() }).optional(),
});

/**
 * The session id that a stateless listener hands out: the client's introduction, for any process that serves its next
 * request. A forged one gives no rights: tasks belong to principals and have random ids.
 */
export function encodeSessionToken({ capabilities, protocolVersion, info }: KnownClient): string {
  const claim = TokenContent.parse({
    version: 1,
    sessionId: randomBytes(16).toString('base64url'),
    protocolVersion,
    capabilities,
    info,
  });
  return Buffer.from(JSON.stringify(claim)).toString('base64url');
}

/** Reverses {@link encodeSessionToken}; undefined for any other text. */
export function decodeSessionToken(text: string): KnownClient | undefined {
  if (text.length > longestToken || !/^[\w-]+$/.test(text)) return undefined;
  const claim = TokenContent.safeParse(jsonOf(Buffer.from(text, 'base64url').toString('utf8')));
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
