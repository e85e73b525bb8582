import { createHash } from 'node:crypto';
import { ErrandError } from '../base/errors.js';
import type { ClientQuestion } from './channel.js';

/**
 * Names the questions of one run, so that a later run of the same execution asks under the same names and finds the
 * answers of this one. The name is the author's, or made of what is asked and how often it was asked before; never of
 * the order in which different questions come, which concurrency changes.
 */
export class Journal {
  private readonly open = new Set<string>();
  private readonly asked = new Map<string, number>();

  /**
   * The key of a question, of `[A-Za-z0-9_-]`. Call {@link Journal.close} when it has been answered.
   *
   * @throws {ErrandError} `QUESTION_DUPLICATE` while the same question is open.
   */
  name({ kind, params, key }: ClientQuestion): string {
    const base = key === undefined ? `q-${digest([kind, params])}` : authorKey(key);
    const occurrence = (this.asked.get(base) ?? 0) + 1;
    const name = `${base}-${occurrence}`;
    if (this.open.has(base)) {
      throw new ErrandError(
        'QUESTION_DUPLICATE',
        `${key === undefined ? 'The same question' : `A question with the key '${key}'`} is open already in this call. Give each a key of its own: ctx.elicit(message, schema, { key: '…' }).`,
      );
    }
    this.asked.set(base, occurrence);
    this.open.add(base);
    return name;
  }

  /** The question with this key no longer waits. */
  close(name: string): void {
    this.open.delete(name.slice(0, name.lastIndexOf('-')));
  }
}

const authorKey = (key: string): string => (/^[A-Za-z0-9_-]{1,64}$/.test(key) ? `k-${key}` : `k-${digest(key)}`);

const digest = (value: unknown): string =>
  createHash('sha256').update(JSON.stringify(value)).digest('base64url').slice(0, 22);
