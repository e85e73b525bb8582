import { afterEach, describe, expect, it } from '@jest/globals';
import { McpError, type ClientCapabilities } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import { Context, CurrentExecution, defineTool, Logger } from '../../src/index.js';
import { connectAsked, connectAskedOverHttp, type AskedClient, type AskedSetup } from '../helpers/asked-client.js';
import { serverWithClock } from '../helpers/clocked-server.js';
import { eventually } from '../helpers/eventually.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { call, closedAfterwards, closeOpened, modes, serverOf, textOf } from '../helpers/in-memory.js';

const page = (id: string): string => `https://accounts.example.com/link?id=${id}`;

const link = defineTool({
  name: 'link',
  task: 'optional',
  inject: [Context],
  run: async (_input, ctx) => ctx.elicitUrl('Link your account', page, { deadline: '5m' }),
});

const linked = defineTool({
  name: 'linked',
  task: 'optional',
  inject: [Context],
  run: async (_input, ctx) => {
    const { elicitationId } = await ctx.elicitUrl('Link your account', page);
    await ctx.elicitationComplete(elicitationId);
    return elicitationId;
  },
});

const twice = defineTool({
  name: 'twice',
  task: 'optional',
  inject: [Context],
  run: async (_input, ctx) => {
    const one = await ctx.elicitUrl('Pay', 'https://pay.example.com');
    const two = await ctx.elicitUrl('Pay', 'https://pay.example.com');
    const both = await Promise.all(['a', 'b'].map((key) => ctx.elicitUrl('Pay', page, { key })));
    return [one, two, ...both].map(({ elicitationId }) => elicitationId);
  },
});

const completing = defineTool({
  name: 'completing',
  task: 'optional',
  inject: [Context],
  run: async (_input, ctx) => ctx.elicitationComplete('an id of before'),
});

const form = defineTool({
  name: 'form',
  task: 'optional',
  inject: [Context],
  run: async (_input, ctx) => (await ctx.elicit('Sure?', z.boolean())).action,
});

const wrong = (url: string) =>
  defineTool({ name: 'wrong', task: 'optional', inject: [Context], run: (_input, ctx) => ctx.elicitUrl('Go', url) });

const components = [link, linked, twice, completing, form];
const server = () => serverOf({ components }).server;

const urls: ClientCapabilities = { elicitation: { url: {} } };
const accepting: AskedSetup = { capabilities: urls, answer: () => ({ action: 'accept' }) };

/** The ids of the elicitations that the client was told are complete. */
const completed = ({ received }: AskedClient): unknown[] =>
  received.flatMap((message) =>
    'method' in message && message.method === 'notifications/elicitation/complete'
      ? [message.params?.elicitationId]
      : [],
  );

afterEach(closeOpened);

describe.each(modes)('a question at a URL, in the %s', (mode) => {
  it.each(['accept', 'decline', 'cancel'])('gives what the user did, and its id: %s', async (action) => {
    const { client, asked } = await connectAsked(server(), { capabilities: urls, answer: () => ({ action }) });
    const { structuredContent } = await call(client, mode, 'link');
    const { elicitationId } = structuredContent as { elicitationId: string };
    expect(structuredContent).toEqual({ action, elicitationId });
    expect(elicitationId).toMatch(/^[A-Za-z0-9_-]{22}$/);
    const params = { mode: 'url', message: 'Link your account', url: page(elicitationId), elicitationId };
    expect(asked).toEqual([{ method: 'elicitation/create', params }]);
  });

  it('has an id of its own, each time', async () => {
    const { client, asked } = await connectAsked(server(), accepting);
    const ids = (await call(client, mode, 'twice')).structuredContent?.result as string[];
    expect(new Set(ids).size).toBe(4);
    expect(asked.map(({ params }) => params.elicitationId)).toEqual(ids);
    const others = (await call(client, mode, 'twice')).structuredContent?.result as string[];
    expect(new Set([...ids, ...others]).size).toBe(8);
  });

  it('is told to be complete, to the client that was asked', async () => {
    const tested = server();
    const asked = await connectAsked(tested, accepting);
    const other = await connectAsked(tested, accepting);
    const id = textOf(await call(asked.client, mode, 'linked'));
    await eventually(() => expect(completed(asked)).toEqual([id]));
    expect(completed(other)).toEqual([]);
  });

  it('is told to be complete over HTTP too', async () => {
    const asked = await connectAskedOverHttp(server(), accepting);
    const id = textOf(await call(asked.client, mode, 'linked'));
    await eventually(() => expect(completed(asked)).toEqual([id]));
  });

  it.each<[string, ClientCapabilities, string | undefined]>([
    ['link', {}, 'elicitation.url'],
    ['link', { elicitation: {} }, 'elicitation.url'],
    ['link', { elicitation: { form: {} } }, 'elicitation.url'],
    ['link', { elicitation: { url: {} } }, undefined],
    ['link', { elicitation: { form: {}, url: {} } }, undefined],
    ['completing', { elicitation: {} }, 'elicitation.url'],
    ['completing', { elicitation: { url: {} } }, undefined],
    ['form', {}, 'elicitation'],
    ['form', { elicitation: { url: {} } }, 'elicitation.form'],
    ['form', { elicitation: {} }, undefined],
    ['form', { elicitation: { form: {} } }, undefined],
    ['form', { elicitation: { form: {}, url: {} } }, undefined],
  ])('%s with %j lacks %s [MI3]', async (tool, capabilities, missing) => {
    const peer = await connectAsked(server(), { capabilities, answer: () => ({ action: 'decline' }) });
    const result = await call(peer.client, mode, tool);
    if (missing === undefined) {
      expect(result.isError).toBeUndefined();
      return;
    }
    expect(result.isError).toBe(true);
    expect(textOf(result)).toMatch(
      new RegExp(`^This call has to .+, but the client 'asked' did not declare the capability '${missing}'\\.$`),
    );
    expect(peer.asked).toEqual([]);
    expect(completed(peer)).toEqual([]);
  });

  it('ends the call when it is answered with an error, or with what is no answer', async () => {
    const answers: [AskedSetup['answer'], string | RegExp][] = [
      [
        () => {
          throw new McpError(-32602, 'No URLs');
        },
        'The client answered the question "Link your account" with error -32602: No URLs',
      ],
      [() => ({ action: 'open' }), /^The client answered the question "Link your account" with an invalid result/],
      [() => ({}), /^The client answered the question "Link your account" with an invalid result/],
    ];
    for (const [answer, text] of answers) {
      const { client } = await connectAsked(server(), { capabilities: urls, ...(answer && { answer }) });
      const result = await call(client, mode, 'link');
      expect(result.isError).toBe(true);
      expect(textOf(result)).toEqual(expect.stringMatching(text));
    }
  });

  it('is cancelled by its deadline', async () => {
    const clock = new FakeClock();
    const logger = new Logger(() => undefined);
    const tested = closedAfterwards(serverWithClock({ name: 'test', version: '1', components, logger }, clock));
    const { client, asked } = await connectAsked(tested, {
      capabilities: urls,
      answer: () => new Promise(() => undefined),
    });
    const result = call(client, mode, 'link');
    await eventually(() => expect(asked).toHaveLength(1));
    await clock.advance(5 * 60_000);
    expect((await result).structuredContent).toEqual({
      action: 'cancel',
      elicitationId: asked[0]?.params.elicitationId,
    });
  });

  it.each([
    ['/link', 'an absolute URL'],
    ['', 'an absolute URL'],
    ['javascript:alert(1)', 'an absolute URL'],
    ['file:///etc/passwd', 'an absolute URL'],
    ['https://ada:secret@example.com', 'Let the page ask'],
  ])('is refused for %j', async (url, wayOut) => {
    const { server: tested, log } = serverOf({ components: [wrong(url)] });
    const { client, asked } = await connectAsked(tested, accepting);
    expect(await call(client, mode, 'wrong')).toMatchObject({ isError: true });
    const error = log.find(({ level }) => level === 'error')?.fields.error;
    expect(error).toMatchObject({ code: 'ELICITATION_URL', message: expect.stringContaining(wayOut) });
    expect(asked).toEqual([]);
  });
});

describe('an execution that is run again', () => {
  const again = (ask: (ctx: Context, attempt: number) => Promise<{ elicitationId: string }>) =>
    defineTool({
      name: 'again',
      task: 'required',
      retry: { attempts: 2, delay: 0 },
      inject: [Context, CurrentExecution],
      run: async (_input, ctx, { attempt }) => {
        const { elicitationId } = await ask(ctx, attempt);
        if (attempt === 1) throw new TypeError('the network went away');
        return elicitationId;
      },
    });

  it.each([
    ['a URL', again((ctx) => ctx.elicitUrl('Go', 'https://example.com'))],
    ['a function', again((ctx) => ctx.elicitUrl('Go', page))],
    ['a key and another URL', again((ctx, n) => ctx.elicitUrl('Go', `https://example.com/${n}`, { key: 'go' }))],
    ['an id of its own', again((ctx) => ctx.elicitUrl('Go', page, { elicitationId: 'mine' }))],
  ])('asks once and knows the id, with %s', async (_what, tool) => {
    const { client, asked } = await connectAsked(serverOf({ components: [tool] }).server, accepting);
    const id = textOf(await call(client, 'background', 'again'));
    expect(asked.map(({ params }) => params.elicitationId)).toEqual([id]);
  });
});
