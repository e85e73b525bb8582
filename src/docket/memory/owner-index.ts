import { randomUUID } from 'node:crypto';
import { Cursors } from '../engine/cursors.js';
import type { ListQuery } from '../engine/engine.js';

/** An item of the index; a greater sequence is newer. */
export interface Sequenced {
  readonly sequence: number;
}

const longestChunk = 128;

/**
 * Items by owner in order of arrival, paged from the newest back. Short chunks keep the cost of a page and of a removal
 * independent of the number of items.
 */
export class OwnerIndex<T extends Sequenced> {
  /** Chunks, the oldest first; none is empty. */
  private readonly owners = new Map<string, T[][]>();
  private readonly cursors = new Cursors(randomUUID().slice(0, 8));

  /** The number of owners with items. */
  get size(): number {
    return this.owners.size;
  }

  /** Adds an item, which must be newer than all others. */
  add(owner: string, item: T): void {
    const chunks = this.owners.get(owner);
    const last = chunks?.at(-1);
    if (!chunks) this.owners.set(owner, [[item]]);
    else if (last && last.length < longestChunk) last.push(item);
    else chunks.push([item]);
  }

  delete(owner: string, item: T): void {
    const chunks = this.owners.get(owner);
    if (!chunks) return;
    const at = chunkBefore(chunks, item.sequence + 1);
    const chunk = chunks[at];
    const index = chunk ? itemsBefore(chunk, item.sequence + 1) - 1 : -1;
    if (!chunk || chunk[index] !== item) return;
    chunk.splice(index, 1);
    if (chunk.length > 0) return;
    chunks.splice(at, 1);
    if (chunks.length === 0) this.owners.delete(owner);
  }

  /**
   * Returns up to `limit` items, the newest first, from the cursor of the previous page on.
   *
   * @throws {ErrandError} `CURSOR_INVALID` for a foreign cursor.
   */
  page(query: ListQuery): {
    readonly items: readonly T[];
    readonly nextCursor?: string;
  } {
    const before = query.cursor === undefined ? Infinity : this.cursors.read(query.cursor);
    const chunks = this.owners.get(query.owner) ?? [];
    let at = chunkBefore(chunks, before);
    let index = itemsBefore(chunks[at] ?? [], before) - 1;
    const items: T[] = [];
    for (let item = chunks[at]?.[index]; item; item = chunks[at]?.[index]) {
      const last = items.at(-1);
      if (last && items.length >= query.limit) return { items, nextCursor: this.cursors.after(last.sequence) };
      items.push(item);
      if (--index < 0) index = (chunks[--at]?.length ?? 0) - 1;
    }
    return { items };
  }

  /** The cursor of a page that begins with this item. */
  cursorAt(item: T): string {
    return this.cursors.after(item.sequence + 1);
  }

  clear(): void {
    this.owners.clear();
  }
}

/** The last chunk that begins before `sequence`; -1 if there is none. */
function chunkBefore<T extends Sequenced>(chunks: readonly T[][], sequence: number): number {
  return countBefore(chunks.length, (at) => (chunks[at]?.[0]?.sequence ?? 0) < sequence) - 1;
}

function itemsBefore(chunk: readonly Sequenced[], sequence: number): number {
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
