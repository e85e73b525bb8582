import type { z } from 'zod';
import { toMilliseconds, type Duration } from '../../base/duration.js';
import { ErrandError } from '../../base/errors.js';
import { parseNow } from '../../components/schema/parse.js';
import { shown } from '../../base/shown.js';
import type { SpanOptions } from '../../telemetry/tracing.js';
import { questionMethods, type Answer, type QuestionKind, type QuestionParams } from '../channel.js';
import { requireOfClient } from './client-needs.js';
import type { CallFrame } from '../frame.js';

/** What every question to the client may have. */
export interface QuestionOptions {
  /**
   * Names the question for the life of the execution, also when it is asked in other words. Needed for two identical
   * questions that are open together. Default: made of what is asked.
   */
  readonly key?: string;
  /** How long it may stay open. Default: `questionDeadline` of the server, 1 hour. */
  readonly deadline?: Duration;
}

/** One question, and what its answer has to be. */
export interface Asking<Result> {
  readonly kind: QuestionKind;
  /** What makes it the same question in every run; also what is sent, where `send` does not make more of it. */
  readonly params: QuestionParams;
  /** What is sent under the key of the question. */
  send?(key: string): QuestionParams;
  /** The protocol's shape of a result. */
  readonly result: z.ZodType<Result>;
  /** What a deadline that passes answers in the client's place. Default: an error. */
  readonly onDeadline?: Answer;
  /** How error messages speak of it. */
  readonly label: string;
  readonly options: QuestionOptions;
}

/**
 * Asks the client of a call and gives its result. All questions go this way, in both modes; what can go wrong is the same
 * for all: an error that the client answered is `ANSWER_FAILED`, a result of another shape `ANSWER_INVALID`. Both are
 * outcomes: the call is not tried again for them.
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
    return accept(asking, answer);
  } finally {
    journal.close(key);
  }
}

/** The span from a question to its answer, also where another process shows it. */
const asked = (kind: QuestionKind, key: string): SpanOptions => ({
  name: questionMethods[kind],
  kind: 'client',
  attributes: { 'mcp.method.name': questionMethods[kind], 'errand.question.key': key },
});

function accept<Result>({ label, result }: Asking<Result>, answer: Answer): Result {
  if ('error' in answer) {
    const { code, message } = answer.error;
    const text = code === noAnswer ? message : `The client answered ${label} with error ${code}: ${shown(message)}`;
    throw new ErrandError('ANSWER_FAILED', text, { exposed: true });
  }
  const parsed = parseNow(result, answer.result);
  if (parsed.ok) return parsed.value;
  throw new ErrandError(
    'ANSWER_INVALID',
    `The client answered ${label} with something that is no answer: ${parsed.issues}.`,
    { exposed: true },
  );
}

/** No code of JSON-RPC, so no client can answer it. */
const noAnswer = 'NO_ANSWER';

const unanswered = (label: string, deadline: number): Answer => ({
  error: { code: noAnswer, message: `The client did not answer ${label} within ${deadline} ms.` },
});
