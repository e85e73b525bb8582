import { refuse } from '../../protocol/errors.js';

const json = 'application/json';
const eventStream = 'text/event-stream';

/** What a client accepts that reads any response. */
export const anyResponse = `${json}, ${eventStream}`;

/**
 * Refuses a request whose body is not JSON, or whose client does not read what it would get: JSON or a stream for a POST, a
 * stream for a GET (MCP specification, basic/transports, Streamable HTTP).
 */
export function refuseMediaTypes(method: string, headers: Headers): Response | undefined {
  if (method !== 'POST' && method !== 'GET') return undefined;
  const accept = headers.get('accept');
  const needed = method === 'POST' ? [json, eventStream] : [eventStream];
  // By far the most clients send this.
  if (accept !== anyResponse && !needed.every((type) => accepts(accept, type))) {
    return refuse(406, -32000, `Not Acceptable: the header Accept must allow ${needed.join(' and ')}.`);
  }
  if (method === 'GET' || essenceOf(headers.get('content-type')) === json) return undefined;
  return refuse(415, -32000, `Unsupported Media Type: the header Content-Type must be ${json}.`);
}

/** Whether an Accept header allows a media type. Without the header, a client accepts anything (RFC 9110, 12.5.1). */
export function accepts(header: string | null, type: string): boolean {
  if (header === null || header.trim() === '') return true;
  const ranges = ['*/*', `${type.slice(0, type.indexOf('/'))}/*`, type];
  let closest = -1;
  let isAccepted = false;
  for (const range of header.split(',')) {
    const precision = ranges.indexOf(essenceOf(range));
    if (precision <= closest) continue;
    closest = precision;
    isAccepted = !/;\s*q=0(\.0*)?\s*(;|$)/i.test(range);
  }
  return isAccepted;
}

/** A media type without its parameters. */
const essenceOf = (type: string | null): string => (type?.split(';', 1)[0] ?? '').trim().toLowerCase();
