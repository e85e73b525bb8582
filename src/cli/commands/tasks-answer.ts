import { userInfo } from 'node:os';
import { ErrandError } from '../../base/errors.js';
import { shown } from '../../base/shown.js';
import type { QuestionAnswer } from '../../docket/answering.js';
import type { DocketClient } from '../../docket/docket-client.js';
import type { QuestionSummary } from '../../docket/execution-details.js';
import { unknownExecution } from '../../docket/wait.js';
import { printable } from '../printing.js';

/** The options of `errand tasks answer`, as given. */
export interface AnswerValues {
  readonly action?: string;
  readonly content?: string;
  readonly result?: string;
  readonly by?: string;
}

const actions = ['accept', 'decline', 'cancel'] as const;

/**
 * `errand tasks answer <key> [question]`: answers a question in the client's stead. Without the key of a question, the only
 * open one is meant. Refuses invalid options before Redis is contacted.
 */
export function prepareAnswer(
  values: AnswerValues,
  key: string,
  question: string | undefined,
): (docket: DocketClient) => Promise<number> {
  const given = answerIn(values);
  const by = values.by ?? userInfo().username;
  return async (docket) => {
    const asked = question ?? (await onlyQuestion(docket, key));
    if (await docket.answer(key, asked, given, { by })) {
      process.stdout.write(`Answered ${printable(asked)} of ${printable(key)} as ${printable(by)}\n`);
      return 0;
    }
    process.stderr.write(`errand: The question '${printable(asked)}' had been answered, or its execution had ended.\n`);
    return 1;
  };
}

/** Checks no more than what the command line may get wrong. The docket checks the rest against the question. */
function answerIn({ action, content, result }: AnswerValues): QuestionAnswer {
  if (result !== undefined) {
    if ((action ?? content) === undefined) return jsonIn('--result', result) as QuestionAnswer;
    throw unusable('--result is the whole answer. Give it without --action and --content.');
  }
  if (content !== undefined) {
    if (action !== undefined && action !== 'accept') {
      throw unusable(`--content does not go with --action ${shown(action)}.`);
    }
    const fields = jsonIn('--content', content);
    const isForm = typeof fields === 'object' && fields !== null && !Array.isArray(fields);
    // A question for a single value is a form with this field.
    return { action: 'accept', content: isForm ? (fields as Record<string, unknown>) : { value: fields } };
  }
  const known = actions.find((each) => each === action);
  if (known !== undefined) return { action: known };
  const got = action === undefined ? 'There is no answer.' : `--action is ${shown(JSON.stringify(action))}.`;
  throw unusable(
    `${got} Give --content with the fields of the form as JSON, --action with one of ${actions.join(', ')}, or --result with the whole answer as JSON.`,
  );
}

function jsonIn(option: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw unusable(`${option} is not JSON: ${shown(text)}. Give '{"field": true}'; text needs its quotes: '"text"'.`);
  }
}

async function onlyQuestion(docket: DocketClient, key: string): Promise<string> {
  const details = await docket.get(key);
  if (details === undefined) throw unknownExecution(key);
  const [only, ...others] = details.questions.filter(({ isAnswered }) => !isAnswered);
  if (only !== undefined && others.length === 0) return only.key;
  throw new ErrandError(
    'QUESTION_UNKNOWN',
    only === undefined
      ? `Execution '${shown(key)}' has no open question.`
      : `Execution '${shown(key)}' has several open questions. Name one: ${[only, ...others].map(inShort).join(', ')}.`,
  );
}

const inShort = ({ key, message }: QuestionSummary): string =>
  message === undefined ? key : `${key} ("${shown(message, 60)}")`;

const unusable = (what: string): ErrandError => new ErrandError('OPTIONS_INVALID', `errand tasks answer: ${what}`);
