import { refuse } from '../../protocol/errors.js';
import { refusalOfJson } from './json-body.js';

/** The maximum size of a body, in bytes. */
const maximumSize = 4 * 1024 * 1024;

/** Room for the first part of a body, in bytes; most need no more. */
const firstRoom = 4 * 1024;

/** Reads and parses a body. Refuses one that is too large or not JSON. */
export async function readJson(
  incoming: AsyncIterable<Uint8Array>,
): Promise<{ readonly json: unknown } | { readonly refused: Response }> {
  // Copied at once: a client may send its body in chunks of one byte, each of which would be kept as an object.
  let room = Buffer.allocUnsafe(firstRoom);
  let size = 0;
  for await (const chunk of incoming) {
    const end = size + chunk.length;
    if (end > maximumSize) return { refused: refuse(413, -32000, `The body is larger than ${maximumSize} bytes.`) };
    if (end > room.length) {
      const larger = Buffer.allocUnsafe(Math.max(end, room.length * 2));
      room.copy(larger, 0, 0, size);
      room = larger;
    }
    room.set(chunk, size);
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
