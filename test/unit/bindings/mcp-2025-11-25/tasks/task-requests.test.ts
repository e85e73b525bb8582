import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '../../../../../src/base/logger.js';
import { News } from '../../../../../src/bindings/mcp-2025-11-25/news.js';
import { QuestionDelivery } from '../../../../../src/bindings/mcp-2025-11-25/tasks/question-delivery.js';
import type { RequestExtra } from '../../../../../src/bindings/mcp-2025-11-25/request-extra.js';
import type { Streams } from '../../../../../src/bindings/mcp-2025-11-25/streams.js';
import { TaskFeed } from '../../../../../src/bindings/mcp-2025-11-25/tasks/task-feed.js';
import { TaskRequests } from '../../../../../src/bindings/mcp-2025-11-25/tasks/task-requests.js';
import { anonymous } from '../../../../../src/call/principal.js';
import { MemoryEngine } from '../../../../../src/docket/memory/memory-engine.js';
import type { EngineEvent, Unwatch, Watched } from '../../../../../src/docket/engine/engine.js';
import type { ExecutionRecord, Question } from '../../../../../src/docket/engine/record.js';
import type { QuestionLeases, LeaseResult } from '../../../../../src/docket/engine/sessions.js';
import type { JSONRPCMessage, RequestId } from '../../../../../src/protocol/json-rpc/messages.js';
import { Meters } from '../../../../../src/telemetry/meters.js';
import { relayTo } from '../../../../../src/tasks/relay.js';
import { aQuestion, Stage } from '../../../../engine/contract/stage.js';
import { eventually } from '../../../../helpers/eventually.js';
import { FakeClock } from '../../../../helpers/fake-clock.js';
import { rejection } from '../../../../helpers/raw-calls.js';

/** A remote engine: what it reads is on its way until the test lets it arrive. */
class DistantEngine extends MemoryEngine {
  /** Which reads are slow. */
  distant: 'records' | 'questions' | 'leases' | undefined;
  /** Whether events are held up. */
  silent = false;
  /** Whether `watch` and `acquireLease` fail. */
  broken = false;
  private readonly underWay: (() => void)[] = [];

  override async get(key: string): Promise<ExecutionRecord | undefined> {
    const record = await super.get(key);
    if (this.distant === 'records') await this.journey();
    return record;
  }

  override async questions(key: string): Promise<readonly Question[]> {
    const questions = await super.questions(key);
    if (this.distant === 'questions') await this.journey();
    return questions;
  }

  async acquireLease(...wanted: Parameters<QuestionLeases['acquire']>): Promise<LeaseResult> {
    const result = await this.questionLeases.acquire(...wanted);
    if (this.distant === 'leases') await this.journey();
    if (this.broken) throw new Error('The line is down');
    return result;
  }

  override async watch(of: Watched, listener: (event: EngineEvent) => void): Promise<Unwatch> {
    if (this.broken) throw new Error('The line is down');
    return super.watch(of, (event) => {
      if (!this.silent) listener(event);
    });
  }

  /** Lets what was read arrive, once it was read. */
  async arrive(): Promise<void> {
    await eventually(() => expect(this.underWay).not.toEqual([]));
    this.distant = undefined;
    for (const arrive of this.underWay.splice(0)) arrive();
  }

  private journey(): Promise<void> {
    return new Promise((resolve) => this.underWay.push(resolve));
  }
}

/** Streams that the test drops. */
class TestStreams implements Streams {
  readonly single = false;
  readonly lasting = true;
  readonly silent = false;
  standalone = true;
  readonly elsewhere = false;
  onStandalone?: () => void;
  private readonly listeners = new Map<RequestId, () => void>();

  isOpen(): boolean {
    return true;
  }

  onDropped(request: RequestId, listener: () => void): () => void {
    this.listeners.set(request, listener);
    return () => this.listeners.delete(request);
  }

  abandon(): void {
    // The stream of a test has no end.
  }

  unread(): undefined {
    // Everything is read at once.
  }

  drop(request: RequestId): void {
    this.listeners.get(request)?.();
  }

  get listening(): number {
    return this.listeners.size;
  }
}

/** The part of a connection that has to do with tasks. */
class TestConnection {
  private readonly connectionId = engine.newConnectionId();
  readonly sent: { readonly message: JSONRPCMessage; readonly related: RequestId | undefined }[] = [];
  readonly streams = new TestStreams();
  readonly delivery = new QuestionDelivery({
    streams: this.streams,
    clock,
    send: (message, related) => this.sent.push({ message, related }),
    processed: () => Promise.resolve(),
    mayAsk: () => true,
    patience: 60_000,
    leases: {
      session: 'of anna',
      acquire: (taskId, question, readers) =>
        engine.acquireLease(taskId, question, {
          connection: this.connectionId,
          session: 'of anna',
          waits: readers === 'waiting',
          rests: readers === 'gave up',
        }),
      release: (taskId, question) => void engine.questionLeases.release(taskId, question, this.connectionId),
    },
  });
  readonly feed = new TaskFeed(
    this.delivery,
    () => true,
    new News(
      this.streams,
      async (message, options) => void this.sent.push({ message, related: options?.relatedRequestId }),
      new Meters(),
    ),
    { session: 'of anna', clientSession: undefined },
  );
  readonly requests = new TaskRequests(
    engine,
    'of anna',
    this.streams,
    this.delivery,
    this.feed,
    new Logger(() => undefined),
  );

  static async open(): Promise<TestConnection> {
    const connection = new TestConnection();
    await relayTo(engine, 'of anna', connection.feed);
    return connection;
  }

  /** The messages that were sent with this method. */
  of(method: string): unknown[] {
    return this.sent.filter(({ message }) => 'method' in message && message.method === method);
  }

  /** The number of tasks that are remembered. */
  get remembered(): number {
    return (this.delivery as unknown as { tasks: Map<string, unknown> }).tasks.size;
  }

  /** Sends a `tasks/result`. Returns how it ends and what cancels it. */
  wait(requestId: RequestId, controller = new AbortController()): { outcome: Promise<Error>; cancel: () => void } {
    const extra = { requestId, signal: controller.signal } as unknown as RequestExtra;
    const outcome = rejection(this.requests.result({ taskId: 'task' }, extra));
    return { outcome, cancel: () => controller.abort() };
  }
}

const asked = 'elicitation/create';
const noLongerWaits = 'The client no longer waits for this result';

let clock: FakeClock;
let engine: DistantEngine;
let stage: Stage;

beforeEach(async () => {
  clock = new FakeClock();
  engine = new DistantEngine({ clock });
  stage = await Stage.open(() => ({ engine, clock }));
});

afterEach(() => stage.close());

/** An anonymous task that has asked something. */
async function askedTask(session = 'of anna'): Promise<void> {
  const { run } = await stage.begin('task', stage.work(), { owner: anonymous.id, session });
  await engine.ask('task', run, aQuestion('q1'));
}

describe('a tasks/result that is abandoned while the record is read', () => {
  it.each<[string, (connection: TestConnection, cancel: () => void) => void]>([
    ['because its stream is dropped', ({ streams }) => streams.drop(1)],
    ['because it is cancelled', (_connection, cancel) => cancel()],
  ])('%s, ends and carries no question [MR4]', async (_why, giveUp) => {
    await askedTask();
    const connection = await TestConnection.open();
    engine.distant = 'records';
    const { outcome, cancel } = connection.wait(1);
    giveUp(connection, cancel);
    await engine.arrive();
    expect((await outcome).message).toBe(noLongerWaits);
    expect(connection.sent).toEqual([]);
    expect(connection.streams.listening).toBe(0);
    expect(connection.remembered).toBe(0);
  });

  it('ends even when it was abandoned before it began: a connection may close right after its last request', async () => {
    await askedTask();
    const connection = await TestConnection.open();
    const closed = new AbortController();
    closed.abort();
    expect((await connection.wait(1, closed).outcome).message).toBe(noLongerWaits);
    expect(connection.sent).toEqual([]);
    expect(connection.streams.listening).toBe(0);
    expect(connection.remembered).toBe(0);
  });
});

describe.each(['of anna', 'of another device of hers'])('while the questions of a task %s are read', (session) => {
  let connection: TestConnection;
  let waiting: ReturnType<TestConnection['wait']>;

  beforeEach(async () => {
    await askedTask(session);
    connection = await TestConnection.open();
    engine.distant = 'questions';
    waiting = connection.wait(1);
  });

  it('one that stays open is shown', async () => {
    await engine.arrive();
    await eventually(() => expect(connection.of(asked)).toMatchObject([{ related: 1 }]));
    waiting.cancel();
    await waiting.outcome;
  });

  it('one that is answered meanwhile is not shown', async () => {
    await stage.quiet();
    await engine.answer('task', 'q1', { result: 'elsewhere' });
    await engine.arrive();
    await stage.quiet();
    waiting.cancel();
    expect((await waiting.outcome).message).toBe(noLongerWaits);
    expect(connection.of(asked)).toEqual([]);
  });

  it('one whose task ends is not shown, and nothing is remembered', async () => {
    await stage.quiet();
    await engine.cancel('task');
    await engine.arrive();
    expect((await waiting.outcome).message).toBe('Task was cancelled');
    await clock.advance(10_000);
    expect(connection.of(asked)).toEqual([]);
    expect(connection.remembered).toBe(0);
  });

  it('one whose task ends is not shown even when the news of the end is late', async () => {
    await stage.quiet();
    engine.silent = true;
    await engine.cancel('task');
    await engine.arrive();
    expect((await waiting.outcome).message).toBe('Task was cancelled');
    await stage.quiet();
    expect(connection.of(asked)).toEqual([]);
    expect(connection.remembered).toBe(0);
  });

  it('none is shown once the connection closes, and nothing is remembered', async () => {
    await stage.quiet();
    connection.requests.close();
    connection.delivery.clear();
    connection.feed.clear();
    waiting.cancel();
    await engine.arrive();
    expect((await waiting.outcome).message).toBe(noLongerWaits);
    await clock.advance(10_000);
    expect(connection.of(asked)).toEqual([]);
    expect(connection.remembered).toBe(0);
    expect(clock.armed).toBe(1); // the deadline of the question
  });
});

describe('a task of another session', () => {
  it('is watched by the next tasks/result when the first one could not', async () => {
    await askedTask('of another device of hers');
    const connection = await TestConnection.open();
    engine.broken = true;
    expect((await connection.wait(1).outcome).message).toBe('The line is down');
    engine.broken = false;
    const { outcome, cancel } = connection.wait(2);
    await eventually(() => expect(connection.of(asked)).toMatchObject([{ related: 2 }]));
    await engine.answer('task', 'q1', { result: 'elsewhere' });
    await eventually(() => expect(connection.of('notifications/cancelled')).toMatchObject([{ related: 2 }]));
    cancel();
    await outcome;
  });
});

describe('a connection that is closed', () => {
  it('asks nothing afterwards and keeps no timer', async () => {
    const connection = await TestConnection.open();
    await askedTask();
    await stage.quiet();
    expect(clock.armed).toBe(2); // the deadline of the question, and the delay until it is shown
    connection.delivery.clear();
    expect(clock.armed).toBe(1);
    connection.streams.onStandalone?.();
    await clock.advance(10_000);
    expect(connection.of(asked)).toEqual([]);
  });
});

describe('a question that this connection can no longer show', () => {
  const mayBeShownElsewhere = async (): Promise<void> => {
    const elsewhere = { connection: engine.newConnectionId(), session: 'of bob', waits: true };
    await eventually(async () => {
      expect(await engine.questionLeases.acquire('task', 'q1', elsewhere)).toMatchObject({ granted: true });
    });
  };

  it('because it closed before it got the lease, can be shown elsewhere', async () => {
    await askedTask();
    const connection = await TestConnection.open();
    engine.distant = 'leases';
    const { outcome, cancel } = connection.wait(1);
    await stage.quiet();
    connection.delivery.clear();
    cancel();
    await engine.arrive();
    await outcome;
    expect(connection.of(asked)).toEqual([]);
    await mayBeShownElsewhere();
  });

  it('because the reply with the lease was lost, can be shown elsewhere', async () => {
    await askedTask();
    const connection = await TestConnection.open();
    connection.streams.standalone = false;
    engine.distant = 'leases';
    const { outcome, cancel } = connection.wait(1);
    await stage.quiet();
    engine.broken = true;
    await engine.arrive();
    engine.broken = false;
    cancel();
    await outcome;
    expect(connection.of(asked)).toEqual([]);
    await mayBeShownElsewhere();
  });

  it('because its answer was lost, can be shown elsewhere', async () => {
    await askedTask();
    const connection = await TestConnection.open();
    const { outcome, cancel } = connection.wait(1);
    await eventually(() => expect(connection.of(asked)).toHaveLength(1));
    connection.delivery.answered({ taskId: 'task', question: 'q1' }, anonymous.id);
    cancel();
    await outcome;
    connection.streams.standalone = false;
    connection.delivery.answerLost({ taskId: 'task', question: 'q1' });
    await mayBeShownElsewhere();
  });
});

describe('the end of a task of another session', () => {
  it('is sent once, even when a second tasks/result was on its way meanwhile [MN1]', async () => {
    await askedTask('of bob');
    const connection = await TestConnection.open();
    const first = connection.wait(1);
    await eventually(() => expect(connection.of(asked)).toHaveLength(1));
    engine.distant = 'records';
    const second = connection.wait(2);
    await engine.cancel('task');
    expect((await first.outcome).message).toBe('Task was cancelled');
    await engine.arrive();
    expect((await second.outcome).message).toBe('Task was cancelled');
    expect(connection.of('notifications/tasks/status')).toMatchObject([
      { message: { params: { status: 'cancelled' } } },
    ]);
  });
});

describe('news that arrives after the end', () => {
  it('is not sent: after a lost connection to the docket, the end may come first', async () => {
    const connection = await TestConnection.open();
    await stage.add('late');
    const before = await stage.record('late');
    await engine.cancel('late');
    await eventually(() => expect(connection.of('notifications/tasks/status')).toHaveLength(1));
    const sent = connection.sent.length;
    connection.feed.progress({ ...before, state: 'running', progress: { current: 1, message: 'half of it' } });
    connection.feed.status({ ...before, state: 'running', openQuestions: 1 });
    connection.feed.notice(before, { type: 'log', level: 'info', data: 'late' });
    expect(connection.sent).toHaveLength(sent);
  });
});
