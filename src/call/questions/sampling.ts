import { z } from 'zod';
import { ErrandError } from '../../base/errors.js';
import { throughJson } from '../../base/json.js';
import { shown } from '../../base/shown.js';
import type { SamplingMessageContentBlock, ModelPreferences, Tool, ToolChoice } from '../../protocol/types.js';
import { askClient, type QuestionOptions } from './ask-client.js';
import type { QuestionParams } from '../channel.js';
import type { CallFrame } from '../frame.js';

/** One piece of a message: text, an image, a sound, a use of a tool, or the result of one. */
export type SampleContent = SamplingMessageContentBlock;

/** One turn of a conversation with the model. */
export interface SampleMessage {
  /** Who speaks. */
  readonly role: 'user' | 'assistant';
  /** A string is one piece of text. */
  readonly content: string | SampleContent | readonly SampleContent[];
}

/** What the client's model shall do, beyond the messages. The client may change all of it, or ask its user first. */
export interface SampleOptions extends QuestionOptions {
  /** The most tokens to generate. Default 1024. */
  readonly maxTokens?: number;
  /** What the model is told before the messages. */
  readonly systemPrompt?: string;
  /** How freely the model chooses its words; the scale is the model's. */
  readonly temperature?: number;
  /** Texts at which the model stops. */
  readonly stopSequences?: readonly string[];
  /** Which models suit: names by preference, and what counts (cost, speed, intelligence, each 0 to 1). */
  readonly modelPreferences?: ModelPreferences;
  /**
   * Which context of the client to include. More than `'none'` (the default) needs the capability `sampling.context`,
   * and the protocol advises against it.
   */
  readonly includeContext?: 'none' | 'thisServer' | 'allServers';
  /** For the provider of the model. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** What the model may ask for; the call runs it and samples again with the results. Needs `sampling.tools`. */
  readonly tools?: readonly Tool[];
  /** Whether the model uses tools: `auto` (the default), `required` or `none`. Needs `sampling.tools`. */
  readonly toolChoice?: ToolChoice;
}

/** What the client's model generated. It can be the next message of the conversation as it is. */
export interface SampleResult {
  /** All text of the content, put together; empty where the model only uses tools. */
  readonly text: string;
  /** Who speaks; `'assistant'` is the model. */
  readonly role: 'user' | 'assistant';
  /** All pieces, one or more. */
  readonly content: readonly SampleContent[];
  /** The model that was used. */
  readonly model: string;
  /** Why the model stopped: `endTurn`, `stopSequence`, `maxTokens`, `toolUse`, or a reason of its provider. */
  readonly stopReason?: string | undefined;
}

const Media = { data: z.string(), mimeType: z.string() };

/** Loose, because what belongs to a piece (annotations, `_meta`) goes back to the model with the next messages. */
const Content = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('text'), text: z.string() }),
  z.looseObject({ type: z.literal('image'), ...Media }),
  z.looseObject({ type: z.literal('audio'), ...Media }),
  z.looseObject({
    type: z.literal('tool_use'),
    id: z.string(),
    name: z.string(),
    input: z.record(z.string(), z.unknown()),
  }),
]);

/** What a client answers to `sampling/createMessage` (2025-11-25, client/sampling). */
const CreateMessageResult = z.object({
  role: z.enum(['user', 'assistant']),
  content: z.union([Content, z.array(Content)]),
  model: z.string(),
  stopReason: z.string().optional(),
});

/** Has the model of a call's client generate a message. */
export async function sample(
  frame: CallFrame,
  prompt: string | readonly SampleMessage[],
  { key, deadline, ...options }: SampleOptions = {},
): Promise<SampleResult> {
  const { maxTokens = 1024 } = options;
  if (!Number.isSafeInteger(maxTokens) || maxTokens < 1) {
    throw refused(`maxTokens is ${maxTokens}. Give a whole number of at least 1.`);
  }
  const messages = toMessages(prompt);
  const { role, content, ...rest } = await askClient(frame, {
    kind: 'sampling',
    params: throughJson({ ...options, messages, maxTokens }, 'ctx.sample: what is asked') as QuestionParams,
    result: CreateMessageResult,
    label: 'the request to sample',
    options: { ...(key !== undefined && { key }), ...(deadline !== undefined && { deadline }) },
  });
  const pieces = Array.isArray(content) ? content : [content];
  const text = pieces.map((piece) => (piece.type === 'text' ? piece.text : '')).join('');
  return { text, role, content: pieces, ...rest };
}

interface Turn {
  readonly role: string;
  readonly content: readonly SampleContent[];
}

function toMessages(prompt: string | readonly SampleMessage[]): object {
  const messages: readonly SampleMessage[] = typeof prompt === 'string' ? [{ role: 'user', content: prompt }] : prompt;
  if (messages.length === 0) throw refused('there are no messages. Give a text, or at least one message.');
  const turns = messages.map(({ role, content }): Turn => ({ role, content: piecesOf(content) }));
  checkToolResults(turns);
  // Revisions before 2025-11-25 know one piece only, not a list of one.
  return turns.map(({ role, content }) => ({ role, content: content.length === 1 ? content[0] : content }));
}

function piecesOf(content: SampleMessage['content']): readonly SampleContent[] {
  if (typeof content === 'string') return [{ type: 'text', text: content }];
  return 'type' in content ? [content] : content;
}

/** Each use of a tool is followed by its result, in a message of results only; models take nothing else. */
function checkToolResults(turns: readonly Turn[]): void {
  let asked: readonly string[] = [];
  for (const { role, content } of turns) {
    const results = content.flatMap((piece) => (piece.type === 'tool_result' ? [piece.toolUseId] : []));
    const fit = results.length === asked.length && asked.every((id) => results.includes(id));
    if (!fit || (results.length > 0 && (role !== 'user' || results.length < content.length))) {
      throw refused(
        `the model asked for the tools ${shown(JSON.stringify(asked))} and the next message has the results ${shown(JSON.stringify(results))}. ` +
          'Follow each use of tools by one message of the user with all results and nothing else.',
      );
    }
    asked = content.flatMap((piece) => (piece.type === 'tool_use' ? [piece.id] : []));
  }
  if (asked.length > 0) {
    throw refused(`the last message uses the tools ${shown(JSON.stringify(asked))}. Add their results.`);
  }
}

const refused = (why: string): ErrandError => new ErrandError('OPTIONS_INVALID', `ctx.sample: ${why}`);
