import { z } from 'zod';
import type { QuestionKind } from '../call/channel.js';
import type { Answerer, ExecutionRecord, Question } from './engine/record.js';
import { isSealed } from './sealing/sealer.js';
import { toSummary, type ExecutionSummary } from './execution-summary.js';

/** A question of an execution, without its answer. */
export interface QuestionSummary {
  /** Unique within the execution. */
  readonly key: string;
  /** Who is asked: the user, the client's model, or the client for its roots. */
  readonly kind: QuestionKind;
  /** The text of the question; absent if it has none, or is sealed and the key is missing here. */
  readonly message?: string;
  /**
   * Its parameters, as in the protocol (2025-11-25, client): for a form `message` and `requestedSchema`. Absent if it is
   * sealed and the key is missing here.
   */
  readonly params?: Readonly<Record<string, unknown>>;
  /** When it was asked. */
  readonly createdAt: Date;
  /** When it expires. */
  readonly deadline: Date;
  /** Whether it has an answer, including the one given at the deadline. */
  readonly isAnswered: boolean;
  /** Who answered in the client's stead, as given to `answer()`; absent if nobody did. */
  readonly answeredBy?: string;
}

/** Everything about an execution that operators may see: no answers, tokens or headers. */
export interface ExecutionDetails extends ExecutionSummary {
  /** The issuer of its client's access token. */
  readonly issuer?: string;
  /** The user in that token. */
  readonly subject?: string;
  /** The client in that token. */
  readonly clientId?: string;
  /** Distinguishes executions with the same key. Later ones have larger numbers. */
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
  /** Who answered which of its questions in the client's stead, in order. Kept after the end. */
  readonly answerers: readonly Answerer[];
  /** Its input, as stored; present if requested and still kept. */
  readonly input?: unknown;
  /** Its result, as stored. */
  readonly result?: unknown;
  /** Why it failed. */
  readonly error?: StoredError;
}

/** An error, as stored. */
export interface StoredError {
  /** A code of Errand, the code of a JSON-RPC error, or the name of the thrown error. */
  readonly code: number | string;
  /** The message. For a task, it is the one that its client gets. */
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

const Params = z.record(z.string(), z.unknown());

/** A record as operators see it. Its input may be secret, so it is included only on request. */
export function toDetails(
  record: ExecutionRecord,
  questions: readonly Question[],
  options: { readonly input?: boolean } = {},
): ExecutionDetails {
  const { generation, retry, losses, suspicions = 0, timeout, ttl, outcome, snapshot, input, answerers = [] } = record;
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
    answerers,
    ...(options.input === true && input !== undefined && { input }),
    ...outcome,
  };
}

/** A question as operators see it. */
export function toQuestionSummary({ key, kind, createdAt, deadline, answer, by, params }: Question): QuestionSummary {
  const message = Message.safeParse(params).data?.message;
  const readable = Params.safeParse(params).data;
  return {
    key,
    kind,
    ...(message !== undefined && { message }),
    ...(readable !== undefined && !isSealed(readable['sealed']) && { params: readable }),
    createdAt: new Date(createdAt),
    deadline: new Date(deadline),
    isAnswered: answer !== undefined,
    ...(by !== undefined && { answeredBy: by }),
  };
}
