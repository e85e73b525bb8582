import { ErrandError, messageOf } from '../../base/errors.js';
import type { Json } from '../../base/json.js';
import type { Answer, ClientNotice, ClientQuestion, ProgressState, QuestionParams } from '../../call/channel.js';
import type { WireError } from '../../protocol/errors.js';
import type { Outcome } from '../../call/outcome.js';
import type {
  Addition,
  AnswerFrom,
  AnswerResult,
  CancelResult,
  ConsumeOptions,
  Consumer,
  Delivery,
  DeliveryHandler,
  EndWatch,
  Engine,
  EngineEvent,
  Health,
  ListQuery,
  NewExecution,
  NewSchedule,
  RecordPage,
  ScheduleRecord,
  Unwatch,
  Settlement,
  TaskLimits,
  Watched,
} from '../engine/engine.js';
import { lostTooOften } from '../engine/loss-policy.js';
import type { BrowseQuery, DocketStats, RecordSummary, SummaryPage, WorkerSummary } from '../engine/queries.js';
import type { Answerer, ExecutionEnd, ExecutionRecord, Question } from '../engine/record.js';
import { SealedSessions } from './sealed-sessions.js';
import type { Sealer, SealContext } from './sealer.js';
import type { Sessions, QuestionLeases } from '../engine/sessions.js';
import type { OnError } from '../engine/watchers.js';

/** The code of an error while it is sealed. */
const sealedCode = 'SEALED';

/**
 * Wraps an engine so that it never sees user data: inputs, snapshots, questions, answers, log messages, progress messages,
 * reasons and outcomes are sealed on the way in and opened on the way out. Values that cannot be opened fail closed: such an
 * input never reaches the method, and such an outcome or answer becomes an error.
 */
export class SealedEngine implements Engine {
  readonly sessions: Sessions;

  constructor(
    private readonly engine: Engine,
    private readonly sealer: Sealer,
    /** Receives the errors of values that cannot be opened where no caller can get them. */
    private readonly report: OnError,
  ) {
    this.sessions = new SealedSessions(engine.sessions, sealer, report);
  }

  get questionLeases(): QuestionLeases {
    return this.engine.questionLeases;
  }

  newConnectionId(): string {
    return this.engine.newConnectionId();
  }

  get kind(): string {
    return this.engine.kind;
  }

  start(): Promise<void> {
    return this.engine.start();
  }

  close(): Promise<void> {
    return this.engine.close();
  }

  health(): Promise<Health> {
    return this.engine.health();
  }

  onClose(listener: () => void): Unwatch {
    return this.engine.onClose(listener);
  }

  async add(execution: NewExecution, limits?: TaskLimits): Promise<Addition> {
    return this.openAddition(await this.engine.add(this.sealedExecution(execution), limits));
  }

  async replace(execution: NewExecution): Promise<Addition> {
    return this.openAddition(await this.engine.replace(this.sealedExecution(execution)));
  }

  async get(key: string): Promise<ExecutionRecord | undefined> {
    const record = await this.engine.get(key);
    return record && this.openRecord(record);
  }

  async list(query: ListQuery): Promise<RecordPage> {
    const page = await this.engine.list(query);
    return { ...page, records: page.records.map((record) => this.openRecord(record)) };
  }

  async browse(query: BrowseQuery): Promise<SummaryPage> {
    const page = await this.engine.browse(query);
    return { ...page, summaries: page.summaries.map((summary) => ({ ...summary, ...this.openedWords(summary) })) };
  }

  stats(): Promise<DocketStats> {
    return this.engine.stats();
  }

  workers(): Promise<readonly WorkerSummary[]> {
    return this.engine.workers();
  }

  async retry(key: string): Promise<{ readonly retried: boolean; readonly record?: ExecutionRecord }> {
    const { retried, record } = await this.engine.retry(key);
    return { retried, ...(record && { record: this.openRecord(record) }) };
  }

  cancel(key: string, reason?: string, generation?: number): Promise<CancelResult> {
    return this.engine.cancel(key, reason === undefined ? undefined : this.seal(reason, key, 'reason'), generation);
  }

  watch(of: Watched, listener: (event: EngineEvent) => void, gone?: () => void): Promise<Unwatch> {
    const open = (event: EngineEvent): void => {
      const opened = this.openEvent(event);
      if (opened) listener(opened);
    };
    return this.engine.watch(of, open, gone);
  }

  async watchEnd(
    key: string,
    listener: (end: ExecutionEnd | undefined) => void,
    generation?: number,
  ): Promise<EndWatch> {
    const { now, unwatch } = await this.engine.watchEnd(key, (end) => listener(end && this.openEnd(end)), generation);
    return { unwatch, ...(now && { now: this.openEnd(now) }) };
  }

  /** Sealed with the schedule's id as key, because its executions have that key and must be able to open it. */
  schedule(schedule: NewSchedule): Promise<ScheduleRecord> {
    const { id, when, ...execution } = schedule;
    const { key: _key, ...sealed } = this.sealedExecution({ key: id, ...execution });
    return this.engine.schedule({ id, when, ...sealed });
  }

  unschedule(id: string): Promise<boolean> {
    return this.engine.unschedule(id);
  }

  schedules(): Promise<readonly ScheduleRecord[]> {
    return this.engine.schedules();
  }

  consume(options: ConsumeOptions, handler: DeliveryHandler): Consumer {
    return this.engine.consume(options, {
      run: (delivery) => this.run(delivery, handler),
      revoke: (run, reason) => handler.revoke(run, reason),
    });
  }

  settle(key: string, run: string, settlement: Settlement, over?: boolean): Promise<boolean> {
    return this.engine.settle(key, run, this.sealedSettlement(key, settlement), over);
  }

  beginAlone(key: string, run: string, shared: boolean): Promise<void> {
    return this.engine.beginAlone(key, run, shared);
  }

  exonerate(key: string, run: string): Promise<void> {
    return this.engine.exonerate(key, run);
  }

  progress(key: string, run: string, progress: ProgressState): Promise<boolean> {
    const { message } = progress;
    const sealed = message === undefined ? progress : { ...progress, message: this.seal(message, key, 'progress') };
    return this.engine.progress(key, run, sealed);
  }

  notify(key: string, run: string, notice: ClientNotice): Promise<boolean> {
    const sealed = notice.type === 'log' ? { ...notice, data: this.seal(notice.data, key, 'log') } : notice;
    return this.engine.notify(key, run, sealed);
  }

  async ask(key: string, run: string, question: ClientQuestion, limit?: number): Promise<Question | undefined> {
    const sealed: ClientQuestion = {
      ...question,
      params: { sealed: this.seal(question.params, key, `question ${question.key}`) },
      onDeadline: this.sealedAnswer(key, question.key, question.onDeadline),
    };
    const asked = await this.engine.ask(key, run, sealed, limit);
    // The caller's own parameters, because an earlier run may have sealed them with a key that is gone.
    return asked && { ...this.openAnswers(key, asked), params: question.params };
  }

  answer(key: string, question: string, answer: Answer, from: AnswerFrom = {}): Promise<AnswerResult> {
    const { by } = from;
    const sealed = by === undefined ? from : { ...from, by: this.seal(by, key, `answerer ${question}`) };
    return this.engine.answer(key, question, this.sealedAnswer(key, question, answer), sealed);
  }

  async questions(key: string): Promise<readonly Question[]> {
    const questions = await this.engine.questions(key);
    return questions.flatMap((question) => this.openQuestion(key, question) ?? []);
  }

  private openAddition({ added, record }: Addition): Addition {
    return { added, record: this.openRecord(record) };
  }

  private async run(delivery: Delivery, handler: DeliveryHandler): Promise<void> {
    const { record, run } = delivery;
    let opened: ExecutionRecord;
    try {
      opened = {
        ...record,
        ...this.openedInput(record),
        ...this.openedLastError(record),
        ...this.openedWords(record),
      };
    } catch (error) {
      this.report(error);
      const outcome = this.sealedOutcome(record.key, failure(error));
      await this.engine.settle(record.key, run, { type: 'finish', outcome, lost: true });
      return;
    }
    await handler.run({ record: opened, run });
  }

  private seal(value: Json, key: string, part: string): string {
    return this.sealer.seal(value, { key, part });
  }

  private sealedExecution(execution: NewExecution): NewExecution {
    const { key, input, snapshot } = execution;
    return {
      ...execution,
      ...(input !== undefined && { input: this.seal(input, key, 'input') }),
      ...(snapshot !== undefined && { snapshot: this.seal(snapshot, key, 'snapshot') }),
    };
  }

  /** A sealed outcome still shows whether it is an error, which the engine depends on. */
  private sealedOutcome(key: string, outcome: Outcome): Outcome {
    const sealed = this.seal(outcome as Json, key, 'outcome');
    return 'error' in outcome ? { error: { code: sealedCode, message: sealed } } : { result: sealed };
  }

  private sealedSettlement(key: string, settlement: Settlement): Settlement {
    if (settlement.type === 'finish') return { ...settlement, outcome: this.sealedOutcome(key, settlement.outcome) };
    if (settlement.type !== 'retry') return settlement;
    const sealed = this.seal(settlement.error as unknown as Json, key, 'lastError');
    return { ...settlement, error: { code: sealedCode, message: sealed } };
  }

  private openedLastError({ key, lastError }: ExecutionRecord): Pick<ExecutionRecord, 'lastError'> {
    if (lastError === undefined) return {};
    const context = { key, part: 'lastError' };
    return { lastError: this.openOr<WireError>(lastError.message, context, (error) => failure(error).error) };
  }

  private sealedAnswer(key: string, question: string, answer: Answer): Answer {
    return { result: this.seal(answer as Json, key, `answer ${question}`) };
  }

  private openRecord(record: ExecutionRecord): ExecutionRecord {
    const { input: _input, snapshot: _snapshot, outcome, answerers, ...rest } = record;
    return {
      ...rest,
      ...(answerers && { answerers: answerers.map((each) => ({ ...each, by: this.openBy(record.key, each) })) }),
      ...this.tried(() => this.openedInput(record)),
      ...(outcome !== undefined && { outcome: this.openOutcome(record.key, outcome) }),
      ...this.openedLastError(record),
      ...this.openedWords(record),
    };
  }

  private openEnd({ outcome, ...end }: ExecutionEnd): ExecutionEnd {
    return {
      ...end,
      ...(outcome !== undefined && { outcome: this.openOutcome(end.key, outcome) }),
      ...this.openedWords(end),
    };
  }

  /** The opened texts of a record: progress message and reason. One that cannot be opened is replaced by the error. */
  private openedWords({
    key,
    progress,
    reason,
  }: Pick<RecordSummary, 'key' | 'progress' | 'reason'>): Pick<RecordSummary, 'progress' | 'reason'> {
    const open = (sealed: string, part: string): string =>
      this.openOr<string>(sealed, { key, part }, (error) => messageOf(error));
    return {
      ...(progress?.message !== undefined && {
        progress: { ...progress, message: open(progress.message, 'progress') },
      }),
      ...(reason !== undefined && { reason: open(reason, 'reason') }),
    };
  }

  private openedInput({ key, input, snapshot }: ExecutionRecord): Pick<ExecutionRecord, 'input' | 'snapshot'> {
    return {
      ...(input !== undefined && { input: this.sealer.open(input, { key, part: 'input' }) }),
      ...(snapshot !== undefined && { snapshot: this.sealer.open(snapshot, { key, part: 'snapshot' }) }),
    };
  }

  private openOutcome(key: string, outcome: Outcome): Outcome {
    // Written by the engine itself, so it is not sealed. The text is rebuilt, in case someone else wrote it.
    if ('error' in outcome && outcome.error.code === 'EXECUTION_LOST') return lostTooOften(`'${key}'`);
    const sealed = 'error' in outcome ? outcome.error.message : outcome.result;
    return this.openOr<Outcome>(sealed, { key, part: 'outcome' }, failure);
  }

  private openBy(key: string, { question, by }: Answerer): string {
    return this.openOr<string>(by, { key, part: `answerer ${question}` }, messageOf);
  }

  /** Opens the answers of a question, not its parameters. One that cannot be opened becomes an error. */
  private openAnswers(key: string, question: Question): Question {
    const open = (answer: Answer): Answer => {
      const sealed = 'result' in answer ? answer.result : undefined;
      return this.openOr<Answer>(sealed, { key, part: `answer ${question.key}` }, failure);
    };
    return {
      ...question,
      onDeadline: open(question.onDeadline),
      ...(question.answer && { answer: open(question.answer) }),
      ...(question.by !== undefined && { by: this.openBy(key, { question: question.key, by: question.by }) }),
    };
  }

  /** Opens a question; undefined if that fails, because then it cannot be shown. */
  private openQuestion(key: string, question: Question): Question | undefined {
    const { sealed } = question.params as QuestionParams;
    const params = this.tried(() => this.sealer.open(sealed, { key, part: `question ${question.key}` }));
    return params === undefined ? undefined : { ...this.openAnswers(key, question), params };
  }

  private openEvent(event: EngineEvent): EngineEvent | undefined {
    const record = this.openRecord(event.record);
    switch (event.type) {
      case 'state':
      case 'progress':
        return { ...event, record };
      case 'question':
      case 'closed': {
        const question = this.openQuestion(record.key, event.question);
        return question && { ...event, record, question };
      }
      case 'notice': {
        if (event.notice.type !== 'log') return { ...event, record };
        const sealed = event.notice.data;
        const data = this.tried(() => this.sealer.open(sealed, { key: record.key, part: 'log' }));
        return data === undefined ? undefined : { ...event, record, notice: { ...event.notice, data } };
      }
    }
  }

  private openOr<T>(sealed: unknown, context: SealContext, otherwise: (error: unknown) => T): T {
    try {
      return this.sealer.open(sealed, context) as T;
    } catch (error) {
      this.report(error);
      return otherwise(error);
    }
  }

  private tried<T>(open: () => T): T | undefined {
    try {
      return open();
    } catch (error) {
      this.report(error);
      return undefined;
    }
  }
}

/** Stands in for a value that cannot be opened. */
function failure(error: unknown): { readonly error: { readonly code: string; readonly message: string } } {
  return { error: { code: ErrandError.is(error) ? error.code : 'SEAL_INVALID', message: messageOf(error) } };
}
