import { createHash, randomUUID } from 'node:crypto';
import { ErrandError } from '../../base/errors.js';
import { shown } from '../../base/shown.js';
import type { QuestionKind, QuestionParams } from '../channel.js';

/** The identity of a question, equal in every run of an execution. */
export interface QuestionIdentity {
  readonly kind: QuestionKind;
  readonly params: QuestionParams;
  /** A name given by the author; if present, it alone is the identity. */
  readonly key?: string | undefined;
}

/**
 * Names the questions of a call, so that a later run of the execution uses the same names and finds their answers. The
 * name is the author's, or derived from the content and how often it was asked before. It never depends on the order of
 * different questions, which concurrency changes.
 */
export class Journal {
  /** Created for the first question: most calls ask nothing. */
  private asked: Map<string, { times: number; open: boolean }> | undefined;

  /** @param secret - known only to this execution, and the same in all its runs. Default: generated for this run */
  constructor(private secret?: string) {}

  /**
   * Opens a question and returns its key, of `[A-Za-z0-9_-]`. Call {@link Journal.close} once it is answered.
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
        `${key === undefined ? 'The same question' : `A question with the key '${shown(key)}'`} is already open in this call. Give each a key of its own in the options: { key: '…' }.`,
      );
    }
    known.times++;
    known.open = true;
    this.asked.set(base, known);
    return `${base}-${known.times}`;
  }

  /** Marks the question as no longer open. */
  close(key: string): void {
    const known = this.asked?.get(key.slice(0, key.lastIndexOf('-')));
    if (known !== undefined) known.open = false;
  }

  /** An unguessable id for a question, the same in every run of the execution. */
  idFor(key: string): string {
    this.secret ??= randomUUID();
    return digest([this.secret, key]);
  }
}

const authorKey = (key: string): string => (/^[A-Za-z0-9_-]{1,64}$/.test(key) ? `k-${key}` : `k-${digest(key)}`);

/** 132 bits. */
const digest = (value: unknown): string =>
  createHash('sha256').update(JSON.stringify(value)).digest('base64url').slice(0, 22);
