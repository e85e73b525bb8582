import type { ClientNotice, QuestionKind } from '../../call/channel.js';
import type { Question } from '../../docket/record.js';

/** A message to the client before it has an id and a task. */
interface ClientMessage {
  readonly method: string;
  readonly params: Record<string, unknown>;
}

const requests: Record<QuestionKind, string> = {
  elicitation: 'elicitation/create',
  sampling: 'sampling/createMessage',
  roots: 'roots/list',
};

/** How this revision asks a question; the same for foreground calls and tasks. */
export function requestOf({ kind, params }: Pick<Question, 'kind' | 'params'>): ClientMessage {
  return { method: requests[kind], params: params as Record<string, unknown> };
}

/** How this revision tells what is not answered. */
export function notificationOf(notice: ClientNotice): ClientMessage {
  const { type, ...params } = notice;
  return { method: type === 'log' ? 'notifications/message' : 'notifications/elicitation/complete', params };
}
