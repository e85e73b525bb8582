import type { z } from 'zod';
import { toMilliseconds, type Duration } from '../../base/duration.js';
import { ErrandError } from '../../base/errors.js';
import { parseNow } from '../../components/schema/parse.js';
import { shown } from '../../base/shown.js';
import type { SpanOptions } from '../../telemetry/tracing.js';
import { questionMethods, type Answer, type QuestionKind, type QuestionParams } from '../channel.js';
import { requireOfClient } from './client-needs.js';
import type { CallFrame } from '../frame.js';

/** Options of every question to the client. */
export interface QuestionOptions {
  /**
   * Names the question for the life of the execution, even if its wording changes. Required if two identical questions
   * are open at once. Default: derived from the question.
   */
  readonly key?: string;
  /** How long the question may stay open. Default: the server's `questionDeadline`, 1 hour. */
  readonly deadline?: Duration;
}

/** A question and the shape of its answer. */
export interface Asking<Result> {
  readonly kind: QuestionKind;
  /** The identity of the question in every run, and the parameters to send unless `send` builds others. */
  readonly params: QuestionParams;
  /** Builds the parameters to send from the question's key. */
  send?(key: string): QuestionParams;
  /** The shape of a result, as in the protocol. */
  readonly result: z.ZodType<Result>;
  /** The answer when the deadline passes. Default: an error. */
  readonly onDeadline?: Answer;
  /** Its name in error messages. */
  readonly label: string;
  readonly options: QuestionOptions;
}

/**
 * Asks the client of a call and resolves with its result. Every question of both modes goes through here, so all fail
 * alike: `ANSWER_FAILED` if the client answers with an error, `ANSWER_INVALID` if the result has another shape. Neither
 * is retried.
 */
export async function askClient<Result>(frame: CallFrame, asking: Asking<Result>): Promise<Result> {
  const { scope, journal, channel } = frame;
  const { kind, params, label, options } = asking;
  scope.check();
  const deadline =
    options.deadline === undefined ? frame.questionDeadline : toMilliseconds(options.deadline, `${label}: deadline`);
  requireOfClient(frame, asking);
  const { onDeadline = unanswered(label, deadline) } = asking;
  const key = journal.name({ kind, params, key: options.key });
  try {
    const sent = asking.send?.(key) ?? params;
    const answer = await frame.tracing.span(
      () => asked(kind, key),
      async (span) => {
        const given = await channel.ask({ kind, params: sent, key, deadline, onDeadline }, scope);
        if ('error' in given) span.fail(String(given.error.code), given.error.message);
        return given;
      },
    );
    return resultOf(asking, answer);
  } finally {
    journal.close(key);
  }
}

/** The span from a question to its answer, even if another process delivers it. */
const asked = (kind: QuestionKind, key: string): SpanOptions => ({
  name: questionMethods[kind],
  kind: 'client',
  attributes: { 'mcp.method.name': questionMethods[kind], 'errand.question.key': key },
});

function resultOf<Result>({ label, result }: Asking<Result>, answer: Answer): Result {
  if ('error' in answer) {
    const { code, message } = answer.error;
    const text = code === noAnswer ? message : `The client answered ${label} with error ${code}: ${shown(message)}`;
    throw new ErrandError('ANSWER_FAILED', text, { exposed: true });
  }
  const parsed = parseNow(result, answer.result);
  if (parsed.ok) return parsed.value;
  throw new ErrandError('ANSWER_INVALID', `The client answered ${label} with an invalid result: ${parsed.issues}.`, {
    exposed: true,
  });
}

/** Not a JSON-RPC code, so no client can answer with it. */
const noAnswer = 'NO_ANSWER';

const unanswered = (label: string, deadline: number): Answer => ({
  error: { code: noAnswer, message: `The client did not answer ${label} within ${deadline} ms.` },
});
