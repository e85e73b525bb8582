import { refuse } from '../../protocol/errors.js';
import { refusalOfJson } from './json-body.js';

/** The maximum size of a body, in bytes. */
const maximumSize = 4 * 1024 * 1024;

/** Reads and parses a body. Refuses one that is too large or not JSON. */
export async function readJson(
  incoming: AsyncIterable<Uint8Array>,
): Promise<{ readonly json: unknown } | { readonly refused: Response }> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of incoming) {
    size += chunk.length;
    if (size > maximumSize) return { refused: refuse(413, -32000, `The body is larger than ${maximumSize} bytes.`) };
    chunks.push(chunk);
  }
  const body = Buffer.concat(chunks);
  chunks.length = 0;
  const tooCostly = refusalOfJson(body);
  if (tooCostly !== undefined) return { refused: refuse(413, -32000, tooCostly) };
  try {
    return { json: JSON.parse(body.toString('utf8')) as unknown };
  } catch {
    return { refused: refuse(400, -32700, 'Parse error: the body is not JSON.') };
  }
}
