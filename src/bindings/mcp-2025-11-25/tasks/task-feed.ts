import { ignorable } from '../../../call/call-scope.js';
import type { ClientNotice } from '../../../call/channel.js';
import { isTerminal, type ExecutionRecord, type Question } from '../../../docket/engine/record.js';
import type { JSONRPCMessage } from '../../../protocol/json-rpc/messages.js';
import type { LoggingLevel } from '../../../protocol/types.js';
import type { TaskListener } from '../../../tasks/relay.js';
import type { News, NewsKind } from '../news.js';
import type { QuestionDelivery } from './question-delivery.js';
import { notificationOf } from '../client-messages.js';
import { progressTokenOf, relatedTask, statusOf, toTask, type ServedClient } from './task-view.js';

/** The news of one task that the client has received. */
interface SentState {
  readonly token: string | number | undefined;
  /** Undefined until the client has one. */
  status: string | undefined;
  message: string | undefined;
  progress: number;
}

/** How many ended tasks are remembered. */
const rememberedEnds = 100;

/** Of how many tasks the news that found no room are kept. */
const keptUnsent = 1_000;

/**
 * Sends the news of tasks to the client of one connection. A task never waits for its client: if that reads too slowly, log
 * lines are dropped, and of the rest only the latest is kept for each task, until there is room again.
 */
export class TaskFeed implements TaskListener {
  private readonly sent = new Map<string, SentState>();
  /** The last tasks whose end was sent: a request that began before may find the end again. */
  private readonly ended = new Set<string>();
  /** The latest progress and status of the tasks for which there was no room. */
  private readonly unsent = new Map<string, Map<NewsKind, JSONRPCMessage>>();
  private awaitsRoom = false;
  /** The news of tasks that the client does not know yet. They are sent once it does. */
  private readonly held = new Map<string, (() => void)[]>();
  /** For tasks of which another connection may have sent news that this one does not know of. */
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
    private readonly news: News,
    private readonly served: ServedClient,
  ) {}

  /** Holds the news of a task back until {@link TaskFeed.release}. */
  hold(taskId: string): void {
    this.held.set(taskId, []);
  }

  /** The client knows the task now. */
  release(taskId: string): void {
    const held = this.held.get(taskId);
    this.held.delete(taskId);
    for (const send of held ?? []) send();
  }

  /** The connection is gone. */
  clear(): void {
    this.sent.clear();
    this.ended.clear();
    this.held.clear();
    this.unsent.clear();
  }

  status(record: ExecutionRecord): void {
    this.whenKnown(record, (sent) => {
      if (isTerminal(record.state)) {
        this.sent.delete(record.key);
        this.delivery.ended(record.key);
        if (!this.reaches(record) || !this.isNews(record.key)) return;
      }
      if (statusOf(record) !== sent.status) this.notifyStatus(record, sent);
    });
  }

  /**
   * Progress goes out under the token of the request that made the task, and never goes back. Without a token, the
   * status carries the message.
   */
  progress(record: ExecutionRecord): void {
    this.whenKnown(record, (sent) => {
      const { progress } = record;
      if (progress === undefined || isTerminal(record.state) || !this.reaches(record)) return;
      if (sent.token === undefined) {
        if (progress.message === sent.message) return;
        sent.message = progress.message;
        this.notifyStatus(record, sent);
        return;
      }
      if (progress.current <= sent.progress) return;
      sent.progress = progress.current;
      const { current, ...rest } = progress;
      const params = { progressToken: sent.token, progress: current, ...rest, _meta: relatedTask(record.key) };
      this.notify(record.key, 'progress', { jsonrpc: '2.0', method: 'notifications/progress', params });
    });
  }

  /** Progress must increase, and the client may have this already: only later progress is sent. Statuses may repeat. */
  private skipProgress(record: ExecutionRecord): void {
    this.whenKnown(record, (sent) => {
      if (sent.token === undefined) return this.progress(record);
      sent.progress = Math.max(sent.progress, record.progress?.current ?? -Infinity);
    });
  }

  question(record: ExecutionRecord, question: Question): void {
    this.whenKnown(record, () => this.delivery.add(record, question));
  }

  closed(record: ExecutionRecord, question: Question): void {
    this.whenKnown(record, () => this.delivery.close(record, question));
  }

  notice(record: ExecutionRecord, notice: ClientNotice): void {
    this.whenKnown(record, () => {
      if (!this.reaches(record) || (notice.type === 'log' && !this.shows(notice.level))) return;
      const { method, params } = notificationOf(notice);
      const _meta = relatedTask(record.key);
      const message: JSONRPCMessage = { jsonrpc: '2.0', method, params: { ...params, _meta } };
      if (notice.type === 'log') this.notify(record.key, 'log', message);
      else void ignorable(this.news.force(message, this.delivery.streamFor(record.key)));
    });
  }

  private reaches({ key, session }: ExecutionRecord): boolean {
    return this.delivery.reaches(key, session === this.served.session);
  }

  private isNews(ended: string): boolean {
    if (this.ended.has(ended)) return false;
    this.ended.add(ended);
    const [oldest] = this.ended;
    if (this.ended.size > rememberedEnds && oldest !== undefined) this.ended.delete(oldest);
    return true;
  }

  /** Runs `send` once the client knows the task. */
  private whenKnown(record: ExecutionRecord, send: (sent: SentState) => void): void {
    const run = (): void => {
      // After a lost connection to the docket, the end may come before the news that led there.
      if (!isTerminal(record.state) && this.ended.has(record.key)) return;
      send(this.sentStateOf(record));
    };
    const held = this.held.get(record.key);
    if (held === undefined) run();
    else held.push(run);
  }

  private sentStateOf(record: ExecutionRecord): SentState {
    let sent = this.sent.get(record.key);
    if (sent === undefined) {
      // The response that made a task here said `working`, so that status is not sent again.
      const isMadeHere = record.session === this.served.session;
      sent = {
        token: progressTokenOf(record, this.served),
        status: isMadeHere ? 'working' : undefined,
        message: undefined,
        progress: -Infinity,
      };
      if (!isTerminal(record.state)) this.sent.set(record.key, sent);
    }
    return sent;
  }

  private notifyStatus(record: ExecutionRecord, sent: SentState): void {
    // A status that does not reach the client is sent once something does.
    if (!this.reaches(record)) return;
    sent.status = statusOf(record);
    if (isTerminal(record.state)) this.unsent.get(record.key)?.delete('progress');
    const params: Record<string, unknown> = toTask(record);
    this.notify(record.key, 'status', { jsonrpc: '2.0', method: 'notifications/tasks/status', params });
  }

  private notify(taskId: string, kind: NewsKind, message: JSONRPCMessage): void {
    const related = this.delivery.streamFor(taskId);
    const kept = this.unsent.get(taskId);
    kept?.delete(kind);
    if (this.news.offer(kind, message, related)) {
      if (kept?.size === 0) this.unsent.delete(taskId);
      return;
    }
    if (kind === 'log') return;
    // At the end, so that those who have waited longest go first.
    this.unsent.delete(taskId);
    this.unsent.set(taskId, (kept ?? new Map<NewsKind, JSONRPCMessage>()).set(kind, message));
    const [oldest] = this.unsent.keys();
    if (this.unsent.size > keptUnsent && oldest !== undefined) this.unsent.delete(oldest);
    if (this.awaitsRoom) return;
    this.awaitsRoom = true;
    this.news.whenRoom(related, () => this.sendUnsent());
  }

  private sendUnsent(): void {
    this.awaitsRoom = false;
    const all = [...this.unsent];
    this.unsent.clear();
    for (const [taskId, kept] of all) for (const [kind, message] of kept) this.notify(taskId, kind, message);
  }
}
