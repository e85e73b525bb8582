import { ErrandError } from '../../base/errors.js';
import { throughJson } from '../../base/json.js';
import type { GetPromptResult, PromptMessage } from '../../protocol/types.js';
import type { Output } from './output.js';
import { isContent, mark, hasMark, text, type Content } from './results.js';

const messageMark: unique symbol = Symbol.for('errand.prompt-message') as never;

/** One message of a prompt, made by {@link userMessage} or {@link assistantMessage}. */
export type Message = PromptMessage & {
  /** Tells a message from data. */
  readonly [messageMark]: true;
};

/** What a prompt may return: a text or content (one message of the user), or messages. */
export type PromptReturn = string | Content | Message | readonly (string | Content | Message)[];

/** A message that the user is said to have written. */
export function userMessage(content: string | Content): Message {
  return message('user', content);
}

/** A message that the assistant is said to have written. */
export function assistantMessage(content: string | Content): Message {
  return message('assistant', content);
}

function message(role: PromptMessage['role'], content: string | Content): Message {
  return mark({ role, content: typeof content === 'string' ? text(content) : content }, messageMark);
}

const isMessage = (value: unknown): value is Message => hasMark(value, messageMark);

/** How what a prompt returns becomes messages. */
export function compilePromptOutput(description: string | undefined, label: string): Output {
  const toResult = (value: unknown): GetPromptResult => {
    const messages = (Array.isArray(value) ? (value as unknown[]) : [value]).map((each) => toMessage(each, label));
    const result = { ...(description !== undefined && { description }), messages };
    return throughJson(result, `What ${label} returned`) as unknown as GetPromptResult;
  };
  return { toResult, toJson: (value) => Promise.resolve(throughJson(toResult(value), label)) };
}

function toMessage(value: unknown, label: string): Message {
  if (isMessage(value)) return value;
  if (typeof value === 'string' || isContent(value)) return userMessage(value);
  throw new ErrandError(
    'OUTPUT_INVALID',
    `${label} returned a ${value === null ? 'null' : typeof value} where a message belongs. A prompt gives text, content, userMessage(…), assistantMessage(…), or an array of these.`,
  );
}
