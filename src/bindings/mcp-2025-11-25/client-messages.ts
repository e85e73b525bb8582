import { questionMethods, type ClientNotice } from '../../call/channel.js';
import type { Question } from '../../docket/engine/record.js';

/** A message to the client, before it gets an id and a task. */
interface ClientMessage {
  readonly method: string;
  readonly params: Record<string, unknown>;
}

/** The request that asks a question, the same for foreground calls and tasks. */
export function requestOf({ kind, params }: Pick<Question, 'kind' | 'params'>): ClientMessage {
  return { method: questionMethods[kind], params: params as Record<string, unknown> };
}

/** The notification that carries a notice. */
export function notificationOf(notice: ClientNotice): ClientMessage {
  const { type, ...params } = notice;
  return { method: type === 'log' ? 'notifications/message' : 'notifications/elicitation/complete', params };
}
