import { z } from 'zod';
import type { QuestionKind } from '../call/channel.js';
import type { ExecutionRecord, Question } from './engine/record.js';
import { toSummary, type ExecutionSummary } from './execution-summary.js';

/** A question of an execution, without its answer. */
export interface QuestionSummary {
  /** Unique within the execution. */
  readonly key: string;
  /** Who is asked: the user, the client's model, or the client for its roots. */
  readonly kind: QuestionKind;
  /** The text of the question; absent where it has none, or is sealed and nobody here has the key. */
  readonly message?: string;
  /** When it was asked. */
  readonly createdAt: Date;
  /** When it is given up. */
  readonly deadline: Date;
  /** Whether there is an answer, be it that of the deadline. */
  readonly isAnswered: boolean;
}

/** Everything about an execution that operators may see: no answers, tokens or headers. */
export interface ExecutionDetails extends ExecutionSummary {
  /** Who issued the access token of its client. */
  readonly issuer?: string;
  /** The user in that token. */
  readonly subject?: string;
  /** The client in that token. */
  readonly clientId?: string;
  /** Distinguishes it from earlier and later executions under the same key; grows. */
  readonly generation: number;
  /** How many attempts its retry policy allows. */
  readonly attempts: number;
  /** How many of its runs ended without an outcome, through its own fault. Each of them counts in `attempt`. */
  readonly losses: number;
  /** How many of its runs died with a worker that may have been running others as well. They do not count in `attempt`. */
  readonly suspicions: number;
  /** How long one attempt may run, in milliseconds, not counting open questions. */
  readonly timeout: number;
  /** How long its record is kept after the end, in milliseconds. */
  readonly ttl: number;
  /** Its questions, the oldest first. None once it has ended. */
  readonly questions: readonly QuestionSummary[];
  /** Its input as it was stored, where it was asked for and is still kept. */
  readonly input?: unknown;
  /** Its result, as stored. */
  readonly result?: unknown;
  /** Why it failed. */
  readonly error?: StoredError;
}

/** An error as it was stored. */
export interface StoredError {
  /** A code of Errand, the number of a JSON-RPC error, or the name of the error that was thrown. */
  readonly code: number | string;
  /** The message, as the code of the server had it. */
  readonly message: string;
  /** The data of a JSON-RPC error. */
  readonly data?: unknown;
}

/** The part of a snapshot that says who asked. The rest may be secret. */
const Asker = z.object({
  principal: z.object({
    facts: z.object({ issuer: z.string(), subject: z.string(), clientId: z.string() }).partial(),
  }),
});

const Message = z.object({ message: z.string() });

/** A record as operators see it; its input only on request, which may be secret. */
export function toDetails(
  record: ExecutionRecord,
  questions: readonly Question[],
  options: { readonly input?: boolean } = {},
): ExecutionDetails {
  const { generation, retry, losses, suspicions = 0, timeout, ttl, outcome, snapshot, input } = record;
  return {
    ...toSummary(record),
    ...Asker.safeParse(snapshot).data?.principal.facts,
    generation,
    attempts: retry.attempts,
    losses,
    suspicions,
    timeout,
    ttl,
    questions: questions.map(toQuestionSummary),
    ...(options.input === true && input !== undefined && { input }),
    ...outcome,
  };
}

function toQuestionSummary({ key, kind, createdAt, deadline, answer, params }: Question): QuestionSummary {
  const message = Message.safeParse(params).data?.message;
  return {
    key,
    kind,
    ...(message !== undefined && { message }),
    createdAt: new Date(createdAt),
    deadline: new Date(deadline),
    isAnswered: answer !== undefined,
  };
}
