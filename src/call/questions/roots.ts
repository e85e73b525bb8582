import { z } from 'zod';
import { askClient, type QuestionOptions } from './ask-client.js';
import type { CallFrame } from '../frame.js';

/** A folder or file that the client lets the server work on. */
export interface Root {
  /** Begins with `file://`. */
  readonly uri: string;
  /** A name for display. */
  readonly name?: string | undefined;
}

/** The result of `roots/list` (2025-11-25, client/roots). */
export const ListRootsResult = z.object({
  roots: z.array(z.object({ uri: z.string().startsWith('file://'), name: z.string().optional() })),
});

/** Asks the client for its roots. */
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
