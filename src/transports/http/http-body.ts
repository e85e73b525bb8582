import { refuse } from '../../protocol/errors.js';
import { refusalOfJson } from './json-body.js';

/** The maximum size of a body, in bytes. */
const maximumSize = 4 * 1024 * 1024;

/** The initial size of the buffer for a body of several chunks, in bytes. */
const initialSize = 4 * 1024;

/** Reads and parses a body. Refuses one that is too large or not JSON. */
export async function readJson(
  incoming: AsyncIterable<Uint8Array>,
): Promise<{ readonly json: unknown } | { readonly refused: Response }> {
  let room: Buffer = Buffer.alloc(0);
  let size = 0;
  for await (const chunk of incoming) {
    const end = size + chunk.length;
    if (end > maximumSize) return { refused: refuse(413, -32000, `The body is larger than ${maximumSize} bytes.`) };
    // Most bodies are a single chunk. Further chunks are copied right away: kept one by one, chunks of one byte would each
    // cost an object.
    if (size === 0) {
      room = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    } else {
      if (end > room.length) room = Buffer.concat([room], Math.max(end, size * 2, initialSize));
      room.set(chunk, size);
    }
    size = end;
  }
  const body = room.subarray(0, size);
  const tooCostly = refusalOfJson(body);
  if (tooCostly !== undefined) return { refused: refuse(413, -32000, tooCostly) };
  try {
    return { json: JSON.parse(body.toString('utf8')) as unknown };
  } catch {
    return { refused: refuse(400, -32700, 'Parse error: the body is not JSON.') };
  }
}
