import { inspect } from 'node:util';
import { ErrandError } from '../../base/errors.js';
import { longestShown, shown } from '../../base/shown.js';

/** Where a list goes on, as text that means nothing to others. */
export class Cursors {
  constructor(
    /** Eight hexadecimal digits that only this docket has, so that the cursor of another is refused and not misread. */
    private readonly mark: string,
  ) {}

  /** The cursor that goes on behind the entry with that sequence number. */
  after(sequence: number): string {
    return Buffer.from(`${this.mark}.${sequence}`).toString('base64url');
  }

  /**
   * The sequence number behind which the list goes on.
   *
   * @throws {ErrandError} `CURSOR_INVALID` for a cursor that this docket did not give.
   */
  read(cursor: unknown): number {
    const sequence = typeof cursor === 'string' ? this.sequenceIn(cursor) : undefined;
    if (sequence !== undefined) return sequence;
    throw new ErrandError(
      'CURSOR_INVALID',
      `The cursor ${shown(inspect(cursor, { depth: 0, maxStringLength: longestShown }))} was not given by this docket. List again without a cursor.`,
    );
  }

  private sequenceIn(cursor: string): number | undefined {
    const text = Buffer.from(cursor, 'base64url').toString();
    const [, mark, sequence] = /^([0-9a-f]{8})\.([0-9]{1,15})$/.exec(text) ?? [];
    return mark === this.mark && Buffer.from(text).toString('base64url') === cursor ? Number(sequence) : undefined;
  }
}
