import { inspect } from 'node:util';
import { ErrandError } from '../../base/errors.js';
import { longestShown, shown } from '../../base/shown.js';

/** Encodes positions in a list as opaque cursors. */
export class Cursors {
  constructor(
    /** Eight hexadecimal digits unique to this docket, so that a foreign cursor is refused and not misread. */
    private readonly mark: string,
  ) {}

  /** The cursor of the page that follows the item with this sequence number. */
  after(sequence: number): string {
    return Buffer.from(`${this.mark}.${sequence}`).toString('base64url');
  }

  /**
   * The sequence number that the page follows.
   *
   * @throws {ErrandError} `CURSOR_INVALID` for a foreign cursor.
   */
  read(cursor: unknown): number {
    const sequence = typeof cursor === 'string' ? this.sequenceIn(cursor) : undefined;
    if (sequence !== undefined) return sequence;
    throw new ErrandError(
      'CURSOR_INVALID',
      `The cursor ${shown(inspect(cursor, { depth: 0, maxStringLength: longestShown }))} is not from this docket. List again without a cursor.`,
    );
  }

  private sequenceIn(cursor: string): number | undefined {
    const text = Buffer.from(cursor, 'base64url').toString();
    const [, mark, sequence] = /^([0-9a-f]{8})\.([0-9]{1,15})$/.exec(text) ?? [];
    return mark === this.mark && Buffer.from(text).toString('base64url') === cursor ? Number(sequence) : undefined;
  }
}
