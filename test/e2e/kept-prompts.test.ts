import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { connect } from '../../src/client/connect.js';
import type { Client } from '../../src/client/client.js';
import type { ElicitHandler } from '../../src/client/questions.js';
import { ForeignServer } from '../helpers/foreign-server.js';
import { rejection } from '../helpers/raw-calls.js';

/** A prompt that the client's user sees. */
interface Shown {
  readonly message: string;
  readonly signal: AbortSignal;
  readonly answer: (content: Record<string, string>) => void;
}

let foreign: ForeignServer;
let client: Client;
let shown: Shown[];
/** What the client answered, raw. */
let answers: { id: unknown; content: unknown }[];

const onElicit: ElicitHandler = ({ message, signal }) =>
  new Promise((resolve) =>
    shown.push({ message, signal, answer: (content) => resolve({ action: 'accept', content }) }),
  );

const requestedSchema = { type: 'object', properties: { name: { type: 'string' } } };
const related = { 'io.modelcontextprotocol/related-task': { taskId: 'known' } };

async function ask(id: string | number, message: string, _meta?: object): Promise<void> {
  const params = { message, requestedSchema, ...(_meta && { _meta }) };
  await send({ jsonrpc: '2.0', id, method: 'elicitation/create', params } as JSONRPCMessage);
}

const withdraw = (requestId: string | number): Promise<void> =>
  send({ jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId } });

async function send(message: JSONRPCMessage): Promise<void> {
  await foreign.sdk.transport!.send(message);
  await settle();
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve));
}

async function pass(ms: number): Promise<void> {
  await jest.advanceTimersByTimeAsync(ms);
  await settle();
}

beforeEach(async () => {
  foreign = new ForeignServer({ 'tools/call': () => new Promise<object>(() => undefined) });
  [shown, answers] = [[], []];
  client = await connect(
    {
      connect: async (transport) => {
        await foreign.connect(transport);
        const receive = transport.onmessage!;
        transport.onmessage = (message, extra) => {
          if ('result' in message) answers.push({ id: message.id, content: message.result.content });
          receive(message, extra);
        };
      },
    },
    { onElicit },
  );
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
});

afterEach(async () => {
  jest.useRealTimers();
  await client.close();
});

describe.each([
  ['of a task', related],
  ['of a foreground call', undefined],
])('a prompt %s', (_whose, meta) => {
  it('stays open when its question is withdrawn and asked again, and is answered once [A1]', async () => {
    await ask('q', 'Name?', meta);
    await withdraw('q');
    await pass(900);
    await ask('q', 'Name?', meta);
    await pass(10_000);
    expect(shown.map(({ signal }) => signal.aborted)).toEqual([false]);
    shown[0]!.answer({ name: 'Ada' });
    await settle();
    expect(answers).toEqual([{ id: 'q', content: { name: 'Ada' } }]);
  });

  it('answered in between sends its answer when the question is asked again [A1]', async () => {
    await ask('q', 'Name?', meta);
    await withdraw('q');
    shown[0]!.answer({ name: 'Ada' });
    await pass(500);
    expect(answers).toEqual([]);
    await ask('q', 'Name?', meta);
    expect(answers).toEqual([{ id: 'q', content: { name: 'Ada' } }]);
    await pass(10_000);
    expect([answers.length, shown.length]).toEqual([1, 1]);
  });

  it('is closed when its question is not asked again soon, and its answer is dropped', async () => {
    await ask('q', 'Name?', meta);
    await withdraw('q');
    expect(shown[0]!.signal.aborted).toBe(false);
    await pass(1_000);
    expect(shown[0]!.signal.aborted).toBe(true);
    shown[0]!.answer({ name: 'late' });
    await pass(10_000);
    await ask('q', 'Name?', meta);
    expect(shown).toHaveLength(2);
    shown[1]!.answer({ name: 'Ada' });
    await settle();
    expect(answers).toEqual([{ id: 'q', content: { name: 'Ada' } }]);
  });

  it('is never mistaken for another question with the same id', async () => {
    await ask('q', 'Name?', meta);
    await withdraw('q');
    await ask('q', 'Which colour?', meta);
    expect(shown.map(({ message, signal }) => [message, signal.aborted])).toEqual([
      ['Name?', true],
      ['Which colour?', false],
    ]);
    shown[0]!.answer({ name: 'Ada' });
    shown[1]!.answer({ name: 'blue' });
    await settle();
    expect(answers).toEqual([{ id: 'q', content: { name: 'blue' } }]);
  });

  it('is closed together with the connection', async () => {
    await ask('q', 'Name?', meta);
    await withdraw('q');
    await client.close();
    expect(shown[0]!.signal.aborted).toBe(true);
  });
});

describe('an answer', () => {
  it('is sent again while the server is unreachable, and not asked for twice [A1]', async () => {
    let failures = 3;
    const transport = client['wire']['sessions']['link']!.transport;
    const reach = transport.send.bind(transport);
    transport.send = (message, options) => {
      if (!('result' in message) || failures-- <= 0) return reach(message, options);
      return Promise.reject(new TypeError('fetch failed'));
    };
    await ask('q', 'Name?', related);
    shown[0]!.answer({ name: 'Ada' });
    await pass(100);
    expect(answers).toEqual([]);
    // The server shows it again, as it has no answer.
    await ask('q', 'Name?', related);
    await pass(10_000);
    expect(answers).toEqual([{ id: 'q', content: { name: 'Ada' } }]);
    expect(shown).toHaveLength(1);
  });
});

describe('the timeout of a foreground call', () => {
  it('is suspended while the call asks its client [A1]', async () => {
    const calling = rejection(client.callTool('any', {}, { timeout: 60_000 }));
    await pass(59_000);
    await ask('q', 'Name?');
    await ask('q2', 'Age?');
    await pass(3_600_000);
    shown[0]!.answer({ name: 'Ada' });
    await pass(3_600_000);
    shown[1]!.answer({ name: '36' });
    await pass(900);
    const late = client.callTool('any', {}, { timeout: 60_000 }).catch(() => 'late');
    expect(await Promise.race([calling, settle().then(() => 'waits')])).toBe('waits');
    await pass(100);
    expect(await calling).toMatchObject({
      code: 'WAIT_TIMED_OUT',
      message: expect.stringContaining('Request timed out'),
    });
    await pass(60_000);
    expect(await late).toBe('late');
  });

  it('is not suspended for questions of tasks or for a withdrawn question', async () => {
    const calling = rejection(client.callTool('any', {}, { timeout: 60_000 }));
    await settle();
    await ask('of a task', 'Name?', related);
    await ask('q', 'Name?');
    await pass(10_000);
    await withdraw('q');
    await pass(61_000);
    expect(await calling).toMatchObject({ code: 'WAIT_TIMED_OUT' });
  });
});
