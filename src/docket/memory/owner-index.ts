import { randomUUID } from 'node:crypto';
import { Cursors } from '../engine/cursors.js';
import type { ListQuery } from '../engine/engine.js';

/** An item of the index; a greater sequence is newer. */
export interface Sequenced {
  readonly sequence: number;
}

const longestChunk = 128;

/**
 * Entries by owner in order of arrival, paged from the newest back. Short chunks keep the cost of a page and of a removal
 * independent of the number of entries.
 */
export class OwnerIndex<T extends Sequenced> {
  /** Chunks, the oldest first; none is empty. */
  private readonly owners = new Map<string, T[][]>();
  private readonly cursors = new Cursors(randomUUID().slice(0, 8));

  /** The number of owners with entries. */
  get size(): number {
    return this.owners.size;
  }

  /** Adds an entry, which must be newer than all others. */
  add(owner: string, entry: T): void {
    const chunks = this.owners.get(owner);
    const last = chunks?.at(-1);
    if (!chunks) this.owners.set(owner, [[entry]]);
    else if (last && last.length < longestChunk) last.push(entry);
    else chunks.push([entry]);
  }

  delete(owner: string, entry: T): void {
    const chunks = this.owners.get(owner);
    if (!chunks) return;
    const at = chunkBefore(chunks, entry.sequence + 1);
    const chunk = chunks[at];
    const index = chunk ? entriesBefore(chunk, entry.sequence + 1) - 1 : -1;
    if (!chunk || chunk[index] !== entry) return;
    chunk.splice(index, 1);
    if (chunk.length > 0) return;
    chunks.splice(at, 1);
    if (chunks.length === 0) this.owners.delete(owner);
  }

  /**
   * Returns up to `limit` entries, the newest first, from the cursor of the previous page on.
   *
   * @throws {ErrandError} `CURSOR_INVALID` for a foreign cursor.
   */
  page(query: ListQuery): {
    readonly entries: readonly T[];
    readonly nextCursor?: string;
  } {
    const before = query.cursor === undefined ? Infinity : this.cursors.read(query.cursor);
    const chunks = this.owners.get(query.owner) ?? [];
    let at = chunkBefore(chunks, before);
    let index = entriesBefore(chunks[at] ?? [], before) - 1;
    const entries: T[] = [];
    for (let entry = chunks[at]?.[index]; entry; entry = chunks[at]?.[index]) {
      const last = entries.at(-1);
      if (last && entries.length >= query.limit) return { entries, nextCursor: this.cursors.after(last.sequence) };
      entries.push(entry);
      if (--index < 0) index = (chunks[--at]?.length ?? 0) - 1;
    }
    return { entries };
  }

  /** The cursor of a page that begins with this entry. */
  cursorAt(entry: T): string {
    return this.cursors.after(entry.sequence + 1);
  }

  clear(): void {
    this.owners.clear();
  }
}

/** The last chunk that begins before `sequence`; -1 if there is none. */
function chunkBefore<T extends Sequenced>(chunks: readonly T[][], sequence: number): number {
  return countBefore(chunks.length, (at) => (chunks[at]?.[0]?.sequence ?? 0) < sequence) - 1;
}

function entriesBefore(chunk: readonly Sequenced[], sequence: number): number {
  return countBefore(chunk.length, (at) => (chunk[at]?.sequence ?? 0) < sequence);
}

/** Counts by bisection how many of the first positions are `before`. */
function countBefore(length: number, before: (at: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (before(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}
