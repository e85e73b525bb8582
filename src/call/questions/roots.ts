import { z } from 'zod';
import { askClient, type QuestionOptions } from './ask-client.js';
import type { CallFrame } from '../frame.js';

/** A folder or file that the client lets the server work on. */
export interface Root {
  /** Begins with `file://`. */
  readonly uri: string;
  /** What the user calls it. */
  readonly name?: string | undefined;
}

/** What a client answers to `roots/list` (2025-11-25, client/roots). */
const ListRootsResult = z.object({
  roots: z.array(z.object({ uri: z.string().startsWith('file://'), name: z.string().optional() })),
});

/** The roots of the client of a call. */
export async function listRoots(frame: CallFrame, options: QuestionOptions = {}): Promise<readonly Root[]> {
  const { roots } = await askClient(frame, {
    kind: 'roots',
    params: {},
    result: ListRootsResult,
    label: 'the request for its roots',
    options,
  });
  return roots;
}
