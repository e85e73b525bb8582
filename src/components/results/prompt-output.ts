import { ErrandError } from '../../base/errors.js';
import { throughJson } from '../../base/json.js';
import type { GetPromptResult, PromptMessage } from '../../protocol/types.js';
import type { Output } from './output.js';
import { isContent, mark, hasMark, text, type Content } from './results.js';

const messageMark: unique symbol = Symbol.for('errand.prompt-message') as never;

/** A message of a prompt, made by {@link userMessage} or {@link assistantMessage}. */
export type Message = PromptMessage & {
  /** Distinguishes messages from data. */
  readonly [messageMark]: true;
};

/** The return type of a prompt: messages, or text and content, which become messages of the user. */
export type PromptReturn = string | Content | Message | readonly (string | Content | Message)[];

/** Makes a message with the role of the user. */
export function userMessage(content: string | Content): Message {
  return message('user', content);
}

/** Makes a message with the role of the assistant. */
export function assistantMessage(content: string | Content): Message {
  return message('assistant', content);
}

function message(role: PromptMessage['role'], content: string | Content): Message {
  return mark({ role, content: typeof content === 'string' ? text(content) : content }, messageMark);
}

const isMessage = (value: unknown): value is Message => hasMark(value, messageMark);

/** Compiles the output of a prompt, which consists of messages. */
export function compilePromptOutput(description: string | undefined, label: string): Output {
  const toResult = (value: unknown): GetPromptResult => {
    const messages = (Array.isArray(value) ? (value as unknown[]) : [value]).map((each) => toMessage(each, label));
    const result = { ...(description !== undefined && { description }), messages };
    return throughJson(result, `The return value of ${label}`) as unknown as GetPromptResult;
  };
  return { toResult, toJson: (value) => Promise.resolve(throughJson(toResult(value), label)) };
}

function toMessage(value: unknown, label: string): Message {
  if (isMessage(value)) return value;
  if (typeof value === 'string' || isContent(value)) return userMessage(value);
  throw new ErrandError(
    'OUTPUT_INVALID',
    `${label} returned a ${value === null ? 'null' : typeof value} instead of a message. A prompt returns text, content, userMessage(…), assistantMessage(…), or an array of these.`,
  );
}
