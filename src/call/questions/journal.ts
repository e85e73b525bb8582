import { createHash, randomUUID } from 'node:crypto';
import { ErrandError } from '../../base/errors.js';
import { shown } from '../../base/shown.js';
import type { QuestionKind, QuestionParams } from '../channel.js';

/** What makes a question the same in every run of an execution. */
export interface QuestionIdentity {
  readonly kind: QuestionKind;
  readonly params: QuestionParams;
  /** The author's name for it, which then counts alone. */
  readonly key?: string | undefined;
}

/**
 * Names the questions of one call, so that a later run of the same execution asks under the same names and finds the
 * answers of this one. The name is the author's, or made of what is asked and how often it was asked before; never of
 * the order in which different questions come, which concurrency changes.
 */
export class Journal {
  /** Made for the first question: most calls ask nothing. */
  private asked: Map<string, { times: number; open: boolean }> | undefined;

  /** @param secret - known to this execution in all its runs and to nobody else; without one there is only this run */
  constructor(private secret?: string) {}

  /**
   * The key of a question, of `[A-Za-z0-9_-]`. Call {@link Journal.close} when it has been answered.
   *
   * @throws {ErrandError} `QUESTION_DUPLICATE` while the same question is open.
   */
  name({ kind, params, key }: QuestionIdentity): string {
    const base = key === undefined ? `q-${digest([kind, params])}` : authorKey(key);
    this.asked ??= new Map();
    const known = this.asked.get(base) ?? { times: 0, open: false };
    if (known.open) {
      throw new ErrandError(
        'QUESTION_DUPLICATE',
        `${key === undefined ? 'The same question' : `A question with the key '${shown(key)}'`} is open already in this call. Give each a key of its own in the options: { key: '…' }.`,
      );
    }
    known.times++;
    known.open = true;
    this.asked.set(base, known);
    return `${base}-${known.times}`;
  }

  /** The question with this key no longer waits. */
  close(key: string): void {
    const known = this.asked?.get(key.slice(0, key.lastIndexOf('-')));
    if (known !== undefined) known.open = false;
  }

  /** An id that belongs to a question: nobody can guess it, and every run of the execution makes the same. */
  idFor(key: string): string {
    this.secret ??= randomUUID();
    return digest([this.secret, key]);
  }
}

const authorKey = (key: string): string => (/^[A-Za-z0-9_-]{1,64}$/.test(key) ? `k-${key}` : `k-${digest(key)}`);

/** 132 bits. */
const digest = (value: unknown): string =>
  createHash('sha256').update(JSON.stringify(value)).digest('base64url').slice(0, 22);
