import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { CallToolResultSchema, type ElicitResult } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import { Context, defineTool, Logger, type ErrandServer } from '../../src/index.js';
import { serverWithClock } from '../helpers/clocked-server.js';
import { eventually } from '../helpers/eventually.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { HttpSpy } from '../helpers/http-spy.js';
import { startTask, told, untilStatus, untilTold } from '../helpers/raw-calls.js';
import { untilShown } from '../helpers/shown.js';
import { connectHttp, type Answering, type Peer } from '../helpers/transports.js';

const favourite = defineTool({
  name: 'favourite',
  task: 'optional',
  inject: [Context],
  run: async (_input, ctx) => {
    const answer = await ctx.elicit('Which?', z.string());
    return answer.action === 'accept' ? answer.content : answer.action;
  },
});

const asked = 'elicitation/create';
const accept = (value: string): ElicitResult => ({ action: 'accept', content: { value } });

/** It stands still: no question goes to the standalone stream before the test says so, however slow the machine is. */
let clock: FakeClock;
let server: ErrandServer;
let url: string;
let spy: HttpSpy;

beforeEach(async () => {
  const logger = new Logger(() => undefined);
  clock = new FakeClock();
  server = serverWithClock({ name: 'streams', version: '1.0.0', components: [favourite], logger }, clock);
  url = (await server.listen()).url;
  spy = new HttpSpy();
});

afterEach(() => server.close());

/** Lets the time pass after which a question goes to the standalone stream, until that has happened. */
function untilStandalone(check: () => void): Promise<void> {
  return eventually(async () => {
    await clock.advance(250);
    check();
  });
}

describe('a question of a task, over HTTP', () => {
  it('comes on the stream of the tasks/result that waits [MI2] [F57]', async () => {
    await using peer = await connectHttp(url, { fetch: spy.fetch, answer: () => accept('blue') });
    const { taskId } = await startTask(peer.client, 'favourite');
    const result = await peer.client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema);
    expect(result.content).toEqual([{ type: 'text', text: 'blue' }]);
    expect(spy.of('tasks/result')[0]?.text).toContain(asked);
    expect(spy.of('GET')[0]?.text).not.toContain(asked);
    expect(spy.of('tools/call')[0]?.text).not.toContain(asked);
  });

  it('comes on the standalone stream when nobody waits for the result [MI2]', async () => {
    await using peer = await connectHttp(url, { fetch: spy.fetch, answer: () => accept('green') });
    const { taskId } = await startTask(peer.client, 'favourite');
    await untilStandalone(() => expect(told(peer, asked)).toHaveLength(1));
    await untilStatus(peer.client, taskId, 'completed');
    expect(spy.of('GET')[0]?.text).toContain(asked);
  });

  it('comes again on the standalone stream that a client opens because it lost the first, of which nobody told', async () => {
    const noStream = new Response(null, { status: 405 });
    const through: typeof fetch = (to, init) => (init?.method === 'GET' ? Promise.resolve(noStream) : fetch(to, init));
    await using peer = await connectHttp(url, { fetch: through, answer: () => accept('unused') });
    const session = (peer.client.transport as StreamableHTTPClientTransport).sessionId!;
    const open = async (): Promise<{ text: string; ended: boolean }> => {
      const response = await fetch(url, { headers: { accept: 'text/event-stream', 'mcp-session-id': session } });
      expect(response.status).toBe(200);
      const stream = { text: '', ended: false };
      void (async () => {
        for await (const chunk of response.body!) stream.text += Buffer.from(chunk).toString();
        stream.ended = true;
      })();
      return stream;
    };
    const lost = await open();
    const { taskId } = await startTask(peer.client, 'favourite');
    await untilStandalone(() => expect(lost.text).toContain(asked));
    const stream = await open();
    await untilStandalone(() => expect(stream.text).toMatch(/notifications\/cancelled[^]*elicitation\/create/));
    await eventually(() => expect(lost.ended).toBe(true));
    await peer.client.experimental.tasks.cancelTask(taskId);
    await eventually(() => expect(stream.text).toContain('"status":"cancelled"'));
    expect(lost.text.match(/elicitation\/create/g)).toHaveLength(1);
  });

  it('comes again when the standalone stream on which it was shown is dropped', async () => {
    let answer = (_result: ElicitResult): void => undefined;
    const prompts: string[] = [];
    const answering: Answering = ({ message }) => {
      prompts.push(message);
      return new Promise((resolve) => (answer = resolve));
    };
    await using peer = await connectHttp(url, { fetch: spy.fetch, answer: answering });
    const { taskId } = await startTask(peer.client, 'favourite');
    await untilStandalone(() => expect(told(peer, asked)).toHaveLength(1));
    spy.of('GET')[0]?.drop();
    // The stock client opens another one by itself.
    await untilStandalone(() => expect(told(peer, asked)).toHaveLength(2));
    expect(spy.of('GET').at(-1)?.text).toContain(asked);
    answer(accept('red'));
    const result = await peer.client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema);
    expect(result.content).toEqual([{ type: 'text', text: 'red' }]);
    expect(prompts).toHaveLength(2);
  });

  it('comes when the standalone stream opens, where there was none before', async () => {
    let held: [input: string | URL | Request, init?: RequestInit] | undefined;
    const withoutStream: typeof fetch = async (...args) => {
      if (args[1]?.method !== 'GET') return spy.fetch(...args);
      held = args;
      return new Response(null, { status: 405 });
    };
    await using peer = await connectHttp(url, { fetch: withoutStream, answer: () => accept('red') });
    const { taskId } = await startTask(peer.client, 'favourite');
    await untilStatus(peer.client, taskId, 'input_required');
    await spy.fetch(...held!);
    await untilStandalone(() => expect(spy.of('GET')[0]?.text).toContain(asked));
    expect(told(peer, asked)).toEqual([]);
    spy.of('GET')[0]?.drop();
  });

  it('is asked again on the next tasks/result when the first was dropped, and the first prompt is closed [MR4] [MI2]', async () => {
    const prompts: { answer: (result: ElicitResult) => void; signal: AbortSignal }[] = [];
    const answer: Answering = (_params, signal) => new Promise((resolve) => prompts.push({ answer: resolve, signal }));
    await using peer = await connectHttp(url, { fetch: spy.fetch, answer });
    const { tasks } = peer.client.experimental;
    const { taskId } = await startTask(peer.client, 'favourite');
    const first = tasks.getTaskResult(taskId, CallToolResultSchema).catch(() => 'never answered');
    await eventually(() => expect(prompts).toHaveLength(1));

    spy.of('tasks/result')[0]?.drop();
    const second = tasks.getTaskResult(taskId, CallToolResultSchema);
    await eventually(() => expect(prompts).toHaveLength(2));
    expect(prompts.map(({ signal }) => signal.aborted)).toEqual([true, false]);
    const [one, two] = await untilTold(peer, asked, 2);
    expect(two).toEqual(one);
    const text = spy.of('tasks/result')[1]!.text;
    expect(text.indexOf('notifications/cancelled')).toBeLessThan(text.indexOf(asked));
    expect(await tasks.getTask(taskId)).toMatchObject({ status: 'input_required' });

    prompts[1]?.answer(accept('second'));
    expect((await second).content).toEqual([{ type: 'text', text: 'second' }]);
    await peer.client.close();
    expect(await first).toBe('never answered');
  });

  it('stays with its client when the tasks/result that carried it is cancelled, and is answered by itself [MX2] [MI2] [A1]', async () => {
    const prompts: ((result: ElicitResult) => void)[] = [];
    const answer: Answering = () => new Promise((resolve) => prompts.push(resolve));
    await using peer = await connectHttp(url, { fetch: spy.fetch, answer });
    const { taskId } = await startTask(peer.client, 'favourite');
    const gone = new AbortController();
    const waiting = peer.client.experimental.tasks
      .getTaskResult(taskId, CallToolResultSchema, { signal: gone.signal })
      .catch(() => 'gave up');
    await eventually(() => expect(prompts).toHaveLength(1));
    await untilShown(server, taskId, { isAcknowledged: true });
    gone.abort();
    expect(await waiting).toBe('gave up');
    await clock.advance(60_000);
    expect(spy.of('GET')[0]?.text).not.toContain(asked);
    prompts[0]?.(accept('later'));
    await untilStatus(peer.client, taskId, 'completed');
  });

  it('can be answered from another session, which follows the task by its id', async () => {
    const silent: Answering = () => new Promise(() => undefined);
    await using maker = await connectHttp(url, { answer: silent });
    const { taskId } = await startTask(maker.client, 'favourite');
    await untilStandalone(() => expect(told(maker, asked)).toHaveLength(1));
    await using follower = await connectHttp(url, { fetch: spy.fetch, answer: () => accept('other') });
    const result = await follower.client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema);
    expect(result.content).toEqual([{ type: 'text', text: 'other' }]);
    await untilTold(maker, 'notifications/cancelled', 1);
  });

  it('passes to the session that waits for its task, stays there, and comes back when that is gone', async () => {
    const made: { answer: (result: ElicitResult) => void; signal: AbortSignal }[] = [];
    await using maker = await connectHttp(url, {
      answer: (_params, signal) => new Promise((answer) => made.push({ answer, signal })),
    });
    const { taskId } = await startTask(maker.client, 'favourite');
    await untilStandalone(() => expect(made).toHaveLength(1));

    const shown: AbortSignal[] = [];
    const follower = await connectHttp(url, {
      answer: (_params, signal) => new Promise(() => shown.push(signal)),
    });
    const gone = new AbortController();
    const waiting = follower.client.experimental.tasks
      .getTaskResult(taskId, CallToolResultSchema, { signal: gone.signal })
      .catch(() => 'gave up');
    await eventually(() => expect(shown).toHaveLength(1));
    await eventually(() => expect(made[0]?.signal.aborted).toBe(true));
    await untilShown(server, taskId, { isAcknowledged: true });
    gone.abort();
    expect(await waiting).toBe('gave up');
    // It stays with the follower, as it would with the maker.
    await clock.advance(60_000);
    expect([made.length, shown.length, shown[0]?.aborted]).toEqual([1, 1, false]);

    await follower.client.close();
    await untilStandalone(() => expect(made).toHaveLength(2));
    made[1]?.answer(accept('made'));
    await untilStatus(maker.client, taskId, 'completed');
  });

  it('is shown once to two sessions that wait for its task, and to the other one when the first is gone', async () => {
    await using maker = await connectHttp(url, { answer: () => new Promise(() => undefined) });
    const { taskId } = await startTask(maker.client, 'favourite');
    await untilStatus(maker.client, taskId, 'input_required');
    const prompts: { who: number; answer: (result: ElicitResult) => void }[] = [];
    const follow = async (who: number): Promise<Peer> => {
      const answer: Answering = () => new Promise((answer) => prompts.push({ who, answer }));
      const peer = await connectHttp(url, { answer });
      // One that goes away has no result.
      void peer.client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema).catch(() => undefined);
      return peer;
    };
    const followers = [await follow(0), await follow(1)];
    await untilStandalone(() => expect(prompts).toHaveLength(1));
    await clock.advance(1_000);
    expect(prompts).toHaveLength(1);
    const [{ who }] = prompts as [(typeof prompts)[number]];
    await followers[who]!.client.close();
    await untilStandalone(() => expect(prompts.map((prompt) => prompt.who)).toEqual([who, 1 - who]));
    prompts[1]?.answer(accept('second'));
    await untilStatus(maker.client, taskId, 'completed');
    await followers[1 - who]!.client.close();
  });

  it('survives its session, and waits for whoever comes back for the task [MI3] [F5]', async () => {
    let taskId: string;
    {
      await using gone = await connectHttp(url, { answer: () => new Promise(() => undefined) });
      ({ taskId } = await startTask(gone.client, 'favourite'));
      await untilStatus(gone.client, taskId, 'input_required');
    }
    await using back = await connectHttp(url, { answer: () => accept('back again') });
    const result = await back.client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema);
    expect(result.content).toEqual([{ type: 'text', text: 'back again' }]);
  });
});
