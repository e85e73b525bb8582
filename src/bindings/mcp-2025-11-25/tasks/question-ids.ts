import { questionIdPrefix } from '../wire-transport.js';

/** The task and key of a question, as encoded in its id on the wire. */
export interface QuestionAddress {
  readonly taskId: string;
  /** The key of the question within its task. */
  readonly question: string;
}

/** The id of a question on the wire. Any process can tell from it which question an answer belongs to. */
export function questionId(taskId: string, question: string): string {
  return `${questionIdPrefix}${taskId}:${question}`;
}

/** The id of the ping that follows a question. Its response is the receipt: the client has the question. */
export const receiptId = (taskId: string, question: string): string =>
  `${questionIdPrefix}received:${taskId}:${question}`;

/** The question of a {@link receiptId}; undefined for any other id. */
export function parseReceiptId(id: string): QuestionAddress | undefined {
  const prefix = `${questionIdPrefix}received:`;
  return id.startsWith(prefix) ? parseQuestionId(questionIdPrefix + id.slice(prefix.length)) : undefined;
}

/**
 * The question of a {@link questionId}; undefined for any other id. Parts may be longer than Errand's, within bounds.
 */
export function parseQuestionId(id: string): QuestionAddress | undefined {
  const match = /^errand:([A-Za-z0-9_-]{1,128}):([A-Za-z0-9_-]{1,128})$/.exec(id);
  return match?.[1] === undefined || match[2] === undefined ? undefined : { taskId: match[1], question: match[2] };
}
