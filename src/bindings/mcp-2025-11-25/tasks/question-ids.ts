import { questionIdPrefix } from '../wire-transport.js';

/** Where a question belongs, as its id on the wire says. */
export interface QuestionAddress {
  readonly taskId: string;
  /** The key of the question within its task. */
  readonly question: string;
}

/** The id of a question on the wire; any process can tell from it whose answer comes. */
export function questionId(taskId: string, question: string): string {
  return `${questionIdPrefix}${taskId}:${question}`;
}

/** The id of the ping that follows a question, whose answer says that the client has it. */
export const receiptId = (taskId: string, question: string): string =>
  `${questionIdPrefix}received:${taskId}:${question}`;

/** The question that a client has, by the id of what it answered to. */
export function parseReceiptId(id: string): QuestionAddress | undefined {
  const prefix = `${questionIdPrefix}received:`;
  return id.startsWith(prefix) ? parseQuestionId(questionIdPrefix + id.slice(prefix.length)) : undefined;
}

/** What {@link questionId} was made of. The lengths leave room beyond what Errand makes, but not for a flood. */
export function parseQuestionId(id: string): QuestionAddress | undefined {
  const match = /^errand:([A-Za-z0-9_-]{1,128}):([A-Za-z0-9_-]{1,128})$/.exec(id);
  return match?.[1] === undefined || match[2] === undefined ? undefined : { taskId: match[1], question: match[2] };
}
