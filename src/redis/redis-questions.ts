import type { Answer, ClientQuestion } from '../call/channel.js';
import type { AnswerFrom, AnswerResult } from '../docket/engine/engine.js';
import type { Question } from '../docket/engine/record.js';
import { tooManyQuestions } from '../docket/engine/size-limits.js';
import { answererText, questionIn, questionText } from './codec.js';
import type { WaitingList } from './queue/waiting-list.js';
import type { Reply } from './connection/script-runner.js';
import type { Commands } from './connection/commands.js';
import { lua } from './lua/bundle.js';

/** Stores the questions of executions and their answers. */
export class RedisQuestions {
  constructor(
    private readonly commands: Commands,
    private readonly waitingList: WaitingList,
  ) {}

  async ask(key: string, run: string, asked: ClientQuestion, limit: number): Promise<Question | undefined> {
    const most = Number.isFinite(limit) ? limit : -1;
    const onDeadline = JSON.stringify(asked.onDeadline);
    const args = [key, run, asked.key, questionText(asked), asked.deadline, onDeadline, most];
    const [status, question, wait] = (await this.commands.run(lua.questions.ask, ...args)) as readonly Reply[];
    if (status === 'limit') throw tooManyQuestions(limit);
    if (status === 'lost') return undefined;
    this.waitingList.checkDueIn(Number(wait));
    return questionIn(question);
  }

  async answer(
    key: string,
    question: string,
    answer: Answer,
    { session = '', by }: AnswerFrom = {},
  ): Promise<AnswerResult> {
    const args = [this.commands.request(), key, question, JSON.stringify(answer), session];
    if (by !== undefined) args.push(by, answererText({ question, by }));
    return (await this.commands.run(lua.questions.answer, ...args)) as AnswerResult;
  }

  async list(key: string): Promise<readonly Question[]> {
    return ((await this.commands.run(lua.questions.list, key)) as readonly Reply[]).map(questionIn);
  }
}
