import type { ClientNotice } from '../../../call/channel.js';
import { isTerminal, type ExecutionRecord, type Question } from '../../../docket/engine/record.js';
import type { JSONRPCMessage, RequestId } from '../../../protocol/json-rpc/messages.js';
import type { LoggingLevel } from '../../../protocol/types.js';
import type { TaskListener } from '../../../tasks/relay.js';
import type { QuestionDelivery } from './question-delivery.js';
import { notificationOf } from '../client-messages.js';
import { progressTokenOf, relatedTask, statusOf, toTask, type ServedClient } from './task-view.js';

/** What has been told of one task. */
interface Told {
  readonly token: string | number | undefined;
  /** Absent as long as the client was told none. */
  status: string | undefined;
  message: string | undefined;
  progress: number;
}

/** Of how many tasks it is remembered that their end was told. */
const endsRemembered = 100;

/** Sends what tasks tell to the client of one connection, in the words of this revision. */
export class TaskFeed implements TaskListener {
  private readonly told = new Map<string, Told>();
  /** The tasks whose end was told last: a request that began before it may find the end once more. */
  private readonly ended = new Set<string>();
  /** Tasks whose id the client does not know yet: what they tell waits until it does. */
  private readonly held = new Map<string, (() => void)[]>();
  /** For tasks of which another connection may have told the client: what it knows already is not known here. */
  readonly afterAnother: TaskListener = {
    status: (record) => this.status(record),
    progress: (record) => this.skipProgress(record),
    question: (record, question) => this.question(record, question),
    closed: (record, question) => this.closed(record, question),
    notice: (record, notice) => this.notice(record, notice),
  };

  constructor(
    private readonly delivery: QuestionDelivery,
    private readonly shows: (level: LoggingLevel) => boolean,
    private readonly send: (message: JSONRPCMessage, related?: RequestId) => void,
    private readonly served: ServedClient,
  ) {}

  /** Until released, what the task tells waits. */
  hold(taskId: string): void {
    this.held.set(taskId, []);
  }

  /** The client knows the task now. */
  release(taskId: string): void {
    const waiting = this.held.get(taskId);
    this.held.delete(taskId);
    for (const tell of waiting ?? []) tell();
  }

  /** The connection is gone. */
  clear(): void {
    this.told.clear();
    this.ended.clear();
    this.held.clear();
  }

  status(record: ExecutionRecord): void {
    this.tell(record, (told) => {
      if (isTerminal(record.state)) {
        this.told.delete(record.key);
        this.delivery.ended(record.key);
        if (!this.reaches(record) || !this.isNews(record.key)) return;
      }
      if (statusOf(record) !== told.status) this.notifyStatus(record, told);
    });
  }

  /** Under the token of the request that made the task, and only upwards; without one the status carries the message. */
  progress(record: ExecutionRecord): void {
    this.tell(record, (told) => {
      const { progress } = record;
      if (progress === undefined || isTerminal(record.state) || !this.reaches(record)) return;
      if (told.token === undefined) {
        if (progress.message === told.message) return;
        told.message = progress.message;
        this.notifyStatus(record, told);
        return;
      }
      if (progress.current <= told.progress) return;
      told.progress = progress.current;
      const { current, ...rest } = progress;
      const params = { progressToken: told.token, progress: current, ...rest, _meta: relatedTask(record.key) };
      this.notify(record, 'notifications/progress', params);
    });
  }

  /** Each progress must be greater than the one before: only what comes after this one is so for sure. A status may come twice. */
  private skipProgress(record: ExecutionRecord): void {
    this.tell(record, (told) => {
      if (told.token === undefined) return this.progress(record);
      told.progress = Math.max(told.progress, record.progress?.current ?? -Infinity);
    });
  }

  question(record: ExecutionRecord, question: Question): void {
    this.tell(record, () => this.delivery.add(record, question));
  }

  closed(record: ExecutionRecord, question: Question): void {
    this.tell(record, () => this.delivery.close(record, question));
  }

  notice(record: ExecutionRecord, notice: ClientNotice): void {
    this.tell(record, () => {
      if (!this.reaches(record) || (notice.type === 'log' && !this.shows(notice.level))) return;
      const { method, params } = notificationOf(notice);
      this.notify(record, method, { ...params, _meta: relatedTask(record.key) });
    });
  }

  private reaches({ key, session }: ExecutionRecord): boolean {
    return this.delivery.reaches(key, session === this.served.session);
  }

  private isNews(ended: string): boolean {
    if (this.ended.has(ended)) return false;
    this.ended.add(ended);
    const [oldest] = this.ended;
    if (this.ended.size > endsRemembered && oldest !== undefined) this.ended.delete(oldest);
    return true;
  }

  private tell(record: ExecutionRecord, tell: (told: Told) => void): void {
    const run = (): void => {
      // Whoever had lost its connection to the docket may hear of the end before it hears of what led there.
      if (!isTerminal(record.state) && this.ended.has(record.key)) return;
      tell(this.toldOf(record));
    };
    const held = this.held.get(record.key);
    if (held === undefined) run();
    else held.push(run);
  }

  private toldOf(record: ExecutionRecord): Told {
    let told = this.told.get(record.key);
    if (told === undefined) {
      // The answer that made a task here said that it is `working`, so that is not told again.
      const isMadeHere = record.session === this.served.session;
      told = {
        token: progressTokenOf(record, this.served),
        status: isMadeHere ? 'working' : undefined,
        message: undefined,
        progress: -Infinity,
      };
      if (!isTerminal(record.state)) this.told.set(record.key, told);
    }
    return told;
  }

  private notifyStatus(record: ExecutionRecord, told: Told): void {
    // What reached nobody is told when there is somebody again.
    if (!this.reaches(record)) return;
    told.status = statusOf(record);
    this.notify(record, 'notifications/tasks/status', toTask(record));
  }

  private notify(record: ExecutionRecord, method: string, params: Record<string, unknown>): void {
    this.send({ jsonrpc: '2.0', method, params }, this.delivery.streamFor(record.key));
  }
}
