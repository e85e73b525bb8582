import { afterEach, describe, expect, it } from '@jest/globals';
import { McpError, type ClientCapabilities } from '@modelcontextprotocol/sdk/types.js';
import { Context, CurrentExecution, defineJob, defineTool, Logger, type ErrandServer } from '../../src/index.js';
import type { SampleMessage, SampleOptions } from '../../src/index.js';
import { connectAsked, connectAskedOverHttp, type AskedSetup } from '../helpers/asked-client.js';
import { serverWithClock } from '../helpers/clocked-server.js';
import { eventually } from '../helpers/eventually.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { call, closedAfterwards, closeOpened, modes, serverOf, textOf } from '../helpers/in-memory.js';
import { request, startTask, told, untilStatus } from '../helpers/raw-calls.js';

/** What a tool that asks the model gives: everything that it was answered. */
const sampling = (name: string, prompt: string | readonly SampleMessage[], options?: SampleOptions) =>
  defineTool({ name, task: 'optional', inject: [Context], run: async (_input, ctx) => ctx.sample(prompt, options) });

const weather = {
  name: 'weather',
  description: 'The weather of a city',
  inputSchema: { type: 'object' as const, properties: { city: { type: 'string' } } },
};

const components = [
  sampling('simple', 'Capital of France?'),
  sampling('full', [{ role: 'user', content: 'Hello' }], {
    maxTokens: 7,
    systemPrompt: 'Be brief',
    temperature: 0.5,
    stopSequences: ['.'],
    modelPreferences: { hints: [{ name: 'large' }], intelligencePriority: 1 },
    includeContext: 'thisServer',
    metadata: { tier: 'gold' },
    tools: [weather],
    toolChoice: { mode: 'required' },
  }),
  sampling('withTools', 'Weather?', { tools: [weather] }),
  sampling('withChoice', 'Weather?', { toolChoice: { mode: 'none' } }),
  sampling('withContext', 'Weather?', { includeContext: 'allServers' }),
  sampling('withoutContext', 'Weather?', { includeContext: 'none' }),
  sampling('hurried', 'Quick?', { deadline: '5m' }),
  sampling('noTokens', 'Hello', { maxTokens: 0 }),
  sampling('noMessages', []),
  defineTool({
    name: 'agent',
    task: 'optional',
    inject: [Context],
    run: async (_input, ctx) => {
      const messages: SampleMessage[] = [{ role: 'user', content: 'Weather in Paris and Rome?' }];
      const first = await ctx.sample(messages, { tools: [weather] });
      const uses = first.content.flatMap((piece) => (piece.type === 'tool_use' ? [piece] : []));
      const results = uses.map(({ id, input }) => ({
        type: 'tool_result' as const,
        toolUseId: id,
        content: [{ type: 'text' as const, text: `Sun in ${String(input.city)}` }],
      }));
      messages.push({ role: first.role, content: first.content }, { role: 'user', content: results });
      return (await ctx.sample(messages, { tools: [weather] })).text;
    },
  }),
  defineTool({
    name: 'pair',
    task: 'optional',
    inject: [Context],
    run: async (_input, ctx) => {
      const answers = await Promise.all(['One?', 'Two?'].map((prompt) => ctx.sample(prompt)));
      return answers.map(({ text }) => text).join(', ');
    },
  }),
  defineTool({
    name: 'roots',
    task: 'optional',
    inject: [Context],
    run: async (_input, ctx) => ctx.listRoots({ deadline: '1m' }),
  }),
];

const server = (): ErrandServer => serverOf({ components }).server;

/** A server whose time stands still until the test turns the clock. */
function clocked(): { server: ErrandServer; clock: FakeClock } {
  const clock = new FakeClock();
  const logger = new Logger(() => undefined);
  return {
    clock,
    server: closedAfterwards(serverWithClock({ name: 'test', version: '1', components, logger }, clock)),
  };
}

const everything: ClientCapabilities = { sampling: { tools: {}, context: {} }, roots: {} };

const paris = { role: 'assistant', content: { type: 'text', text: 'Paris' }, model: 'small', stopReason: 'endTurn' };
const says = (text: string) => ({ ...paris, content: { type: 'text', text } });
const home = { uri: 'file:///home/ada', name: 'Home' };

/** A client that can do everything and gives one answer. */
const answering = (answer: unknown): AskedSetup => ({ capabilities: everything, answer: () => answer });

const refusing = (code: number, message: string): AskedSetup => ({
  capabilities: everything,
  answer: () => {
    throw new McpError(code, message);
  },
});

/** Answers nothing, and tells when its prompt is closed. */
function mute(): AskedSetup & { readonly closed: Promise<void> } {
  let close = (): void => undefined;
  const closed = new Promise<void>((resolve) => (close = resolve));
  return {
    capabilities: everything,
    closed,
    answer: (_asked, signal) => new Promise(() => signal.addEventListener('abort', close, { once: true })),
  };
}

afterEach(closeOpened);

describe.each(modes)('the model of the client, in the %s', (mode) => {
  it('is asked with a text, and gives text', async () => {
    const { client, asked } = await connectAsked(server(), answering(paris));
    expect((await call(client, mode, 'simple')).structuredContent).toEqual({
      text: 'Paris',
      role: 'assistant',
      content: [{ type: 'text', text: 'Paris' }],
      model: 'small',
      stopReason: 'endTurn',
    });
    expect(asked).toEqual([
      {
        method: 'sampling/createMessage',
        params: {
          messages: [{ role: 'user', content: { type: 'text', text: 'Capital of France?' } }],
          maxTokens: 1024,
        },
      },
    ]);
  });

  it('is asked with everything that the author says', async () => {
    const { client, asked } = await connectAsked(server(), answering(paris));
    await call(client, mode, 'full');
    expect(asked[0]?.params).toEqual({
      messages: [{ role: 'user', content: { type: 'text', text: 'Hello' } }],
      maxTokens: 7,
      systemPrompt: 'Be brief',
      temperature: 0.5,
      stopSequences: ['.'],
      modelPreferences: { hints: [{ name: 'large' }], intelligencePriority: 1 },
      includeContext: 'thisServer',
      metadata: { tier: 'gold' },
      tools: [weather],
      toolChoice: { mode: 'required' },
    });
  });

  it('may use tools, whose results go back in the next messages', async () => {
    const use = (id: string, city: string) => ({
      type: 'tool_use',
      id,
      name: 'weather',
      input: { city },
      _meta: { id },
    });
    const uses = [use('1', 'Paris'), use('2', 'Rome')];
    const setup: AskedSetup = {
      capabilities: everything,
      answer: ({ params }) =>
        (params.messages as unknown[]).length === 1
          ? { ...paris, content: uses, stopReason: 'toolUse' }
          : says('Sunny'),
    };
    const { client, asked } = await connectAsked(server(), setup);
    expect(textOf(await call(client, mode, 'agent'))).toBe('Sunny');
    expect(asked[1]?.params.messages).toEqual([
      { role: 'user', content: { type: 'text', text: 'Weather in Paris and Rome?' } },
      { role: 'assistant', content: uses },
      {
        role: 'user',
        content: [
          { type: 'tool_result', toolUseId: '1', content: [{ type: 'text', text: 'Sun in Paris' }] },
          { type: 'tool_result', toolUseId: '2', content: [{ type: 'text', text: 'Sun in Rome' }] },
        ],
      },
    ]);
  });

  it('may be asked twice at once, and each answer comes to its own question', async () => {
    const open = new Map<string, (answer: unknown) => void>();
    const setup: AskedSetup = {
      capabilities: everything,
      answer: ({ params }) =>
        new Promise((resolve) => {
          const [message] = params.messages as [{ content: { text: string } }];
          open.set(message.content.text, resolve);
        }),
    };
    const { client } = await connectAsked(server(), setup);
    const result = call(client, mode, 'pair');
    await eventually(() => expect(open.size).toBe(2));
    open.get('Two?')!(says('second'));
    open.get('One?')!(says('first'));
    expect(textOf(await result)).toBe('first, second');
  });

  it.each<[string, ClientCapabilities, string | undefined]>([
    ['simple', {}, 'sampling'],
    ['simple', { elicitation: {}, roots: {} }, 'sampling'],
    ['simple', { sampling: {} }, undefined],
    ['withTools', { sampling: {} }, 'sampling.tools'],
    ['withTools', { sampling: { context: {} } }, 'sampling.tools'],
    ['withTools', { sampling: { tools: {} } }, undefined],
    ['withChoice', { sampling: {} }, 'sampling.tools'],
    ['withChoice', { sampling: { tools: {} } }, undefined],
    ['withContext', { sampling: { tools: {} } }, 'sampling.context'],
    ['withContext', { sampling: { context: {} } }, undefined],
    ['withoutContext', { sampling: {} }, undefined],
  ])('%s with %j lacks %s', async (tool, capabilities, missing) => {
    const { client, asked } = await connectAsked(server(), { capabilities, answer: () => paris });
    const result = await call(client, mode, tool);
    if (missing === undefined) {
      expect(result.isError).toBeUndefined();
      return;
    }
    expect(result.isError).toBe(true);
    expect(textOf(result)).toMatch(/^This call needs the client's model/);
    expect(textOf(result)).toContain(`but the client 'asked' did not declare the capability '${missing}'.`);
    expect(asked).toEqual([]);
  });

  it('tells that its user refused', async () => {
    const { client } = await connectAsked(server(), refusing(-1, 'User rejected sampling request'));
    const result = await call(client, mode, 'simple');
    expect(result).toMatchObject({ isError: true });
    expect(textOf(result)).toBe(
      'The client answered the request to sample with error -1: User rejected sampling request',
    );
  });

  it.each([
    ['nothing', {}],
    ['null', null],
    ['what is no object', 'Paris'],
    ['no model', { role: 'assistant', content: { type: 'text', text: 'x' } }],
    ['another role', { ...paris, role: 'system' }],
    ['an unknown piece', { ...paris, content: { type: 'hologram' } }],
    ['a text without text', { ...paris, content: [{ type: 'text' }] }],
    ['a result of a tool', { ...paris, content: { type: 'tool_result', toolUseId: '1', content: [] } }],
  ])('ends the call when it answers %s', async (_what, answer) => {
    const { client } = await connectAsked(server(), answering(answer));
    const result = await call(client, mode, 'simple');
    expect(result).toMatchObject({ isError: true });
    expect(textOf(result)).toMatch(
      /^The client answered the request to sample with something that is no answer: .+\.$/,
    );
  });

  it('ends the call when it does not answer before the deadline, and its prompt is closed', async () => {
    const { server: slow, clock } = clocked();
    const setup = mute();
    const { client, asked } = await connectAsked(slow, setup);
    const result = call(client, mode, 'hurried');
    await eventually(() => expect(asked).toHaveLength(1));
    await clock.advance(299_999);
    expect(await Promise.race([result, Promise.resolve('open')])).toBe('open');
    await clock.advance(1);
    expect(textOf(await result)).toBe('The client did not answer the request to sample within 300000 ms.');
    await setup.closed;
  });

  it.each([
    ['noTokens', 'ctx.sample: maxTokens is 0. Give a whole number of at least 1.'],
    ['noMessages', 'ctx.sample: there are no messages. Give a text, or at least one message.'],
  ])('is not asked what is no request: %s', async (tool, message) => {
    const { server: tested, log } = serverOf({ components });
    const { client, asked } = await connectAsked(tested, answering(paris));
    expect(await call(client, mode, tool)).toMatchObject({ isError: true });
    const { error } = log.find(({ level }) => level === 'error')!.fields as { error: Error };
    expect(error).toMatchObject({ code: 'OPTIONS_INVALID', message });
    expect(asked).toEqual([]);
  });
});

describe.each(modes)('the roots of the client, in the %s', (mode) => {
  it('are what it says', async () => {
    const { client, asked } = await connectAsked(server(), answering({ roots: [home, { uri: 'file:///etc' }] }));
    const result = await call(client, mode, 'roots');
    expect(result.structuredContent).toEqual({ result: [home, { uri: 'file:///etc' }] });
    expect(asked).toEqual([{ method: 'roots/list', params: {} }]);
  });

  it('are none where it did not declare any', async () => {
    const { client, asked } = await connectAsked(server(), { capabilities: { sampling: {} } });
    expect(textOf(await call(client, mode, 'roots'))).toBe(
      "This call needs the client's roots, but the client 'asked' did not declare the capability 'roots'.",
    );
    expect(asked).toEqual([]);
  });

  it('end the call when it answers an error', async () => {
    const { client } = await connectAsked(server(), refusing(-32601, 'Roots not supported'));
    expect(textOf(await call(client, mode, 'roots'))).toBe(
      'The client answered the request for its roots with error -32601: Roots not supported',
    );
  });

  it.each([
    ['nothing', {}],
    ['one root', { roots: home }],
    ['what is no file', { roots: [{ uri: 'https://example.com' }] }],
  ])('end the call when it answers %s', async (_what, answer) => {
    const { client } = await connectAsked(server(), answering(answer));
    const result = await call(client, mode, 'roots');
    expect(result).toMatchObject({ isError: true });
    expect(textOf(result)).toMatch(/^The client answered the request for its roots with something that is no answer: /);
  });

  it('end the call when it does not answer before the deadline', async () => {
    const { server: slow, clock } = clocked();
    const { client, asked } = await connectAsked(slow, mute());
    const result = call(client, mode, 'roots');
    await eventually(() => expect(asked).toHaveLength(1));
    await clock.advance(60_000);
    expect(textOf(await result)).toBe('The client did not answer the request for its roots within 60000 ms.');
  });
});

describe.each(modes)('a conversation, in the %s', (mode) => {
  const use = (id: string) => ({ type: 'tool_use' as const, id, name: 'weather', input: {} });
  const result = (toolUseId: string) => ({ type: 'tool_result' as const, toolUseId, content: [] });
  const text = { type: 'text' as const, text: 'x' };

  it.each<[string, SampleMessage[]]>([
    ['a use without a result', [{ role: 'assistant', content: use('1') }]],
    [
      'a use followed by text',
      [
        { role: 'assistant', content: use('1') },
        { role: 'user', content: 'Go on' },
      ],
    ],
    ['a result without a use', [{ role: 'user', content: result('1') }]],
    [
      'a result of another use',
      [
        { role: 'assistant', content: use('1') },
        { role: 'user', content: result('2') },
      ],
    ],
    [
      'a result too few',
      [
        { role: 'assistant', content: [use('1'), use('2')] },
        { role: 'user', content: result('1') },
      ],
    ],
    [
      'a result among text',
      [
        { role: 'assistant', content: use('1') },
        { role: 'user', content: [result('1'), text] },
      ],
    ],
    [
      'a result of the model',
      [
        { role: 'assistant', content: use('1') },
        { role: 'assistant', content: result('1') },
      ],
    ],
  ])('is refused with %s', async (_what, messages) => {
    const { server: tested, log } = serverOf({ components: [sampling('talk', messages)] });
    const { client, asked } = await connectAsked(tested, answering(paris));
    expect(await call(client, mode, 'talk')).toMatchObject({ isError: true });
    expect(log.find(({ level }) => level === 'error')?.fields.error).toMatchObject({ code: 'OPTIONS_INVALID' });
    expect(asked).toEqual([]);
  });
});

describe('over HTTP', () => {
  it.each(modes)('the model and the roots are asked on the stream of the call, in the %s', async (mode) => {
    const setup: AskedSetup = {
      capabilities: everything,
      answer: ({ method }) => (method === 'roots/list' ? { roots: [home] } : paris),
    };
    const { client } = await connectAskedOverHttp(server(), setup);
    expect((await call(client, mode, 'simple')).structuredContent).toMatchObject({ text: 'Paris' });
    expect((await call(client, mode, 'roots')).structuredContent).toEqual({ result: [home] });
  });
});

describe('an execution that is run again', () => {
  it('asks neither the model nor for roots twice', async () => {
    const failsOnce = defineTool({
      name: 'failsOnce',
      task: 'required',
      retry: { attempts: 2, delay: 0 },
      inject: [Context, CurrentExecution],
      run: async (_input, ctx, { attempt }) => {
        const [first, [root], second] = await Promise.all([
          ctx.sample('One?'),
          ctx.listRoots(),
          ctx.sample(`Two, in attempt ${attempt}?`, { key: 'two' }),
        ]);
        if (attempt === 1) throw new TypeError('the network went away');
        return [attempt, first.text, root?.uri, second.text].join(' ');
      },
    });
    const setup: AskedSetup = {
      capabilities: everything,
      answer: ({ method, params }) =>
        method === 'roots/list' ? { roots: [home] } : says(JSON.stringify(params).includes('One?') ? 'eins' : 'zwei'),
    };
    const { client, asked } = await connectAsked(serverOf({ components: [failsOnce] }).server, setup);
    expect(textOf(await call(client, 'background', 'failsOnce'))).toBe('2 eins file:///home/ada zwei');
    expect(asked.map(({ method }) => method).sort()).toEqual([
      'roots/list',
      'sampling/createMessage',
      'sampling/createMessage',
    ]);
  });

  it('finds the answers as they came, whatever the run before made of them', async () => {
    const takesApart = defineTool({
      name: 'takesApart',
      task: 'required',
      retry: { attempts: 2, delay: 0 },
      inject: [Context, CurrentExecution],
      run: async (_input, ctx, { attempt }) => {
        const { content } = await ctx.sample('Where?', { tools: [weather] });
        const [cities] = content.map((piece) => (piece.type === 'tool_use' ? (piece.input.cities as string[]) : []));
        const all = cities?.join();
        cities?.splice(0);
        if (attempt === 1) throw new TypeError('the network went away');
        return `${attempt} ${all}`;
      },
    });
    const use = { type: 'tool_use', id: '1', name: 'weather', input: { cities: ['Paris', 'Rome'] } };
    const setup = answering({ role: 'assistant', model: 'm', content: use });
    const { client } = await connectAsked(serverOf({ components: [takesApart] }).server, setup);
    expect(textOf(await call(client, 'background', 'takesApart'))).toBe('2 Paris,Rome');
  });

  it('is not tried again for an answer that is an error or has another shape', async () => {
    let attempts = 0;
    const counted = defineTool({
      name: 'counted',
      task: 'required',
      retry: { attempts: 3, delay: 0 },
      inject: [Context],
      run: async (_input, ctx) => {
        attempts++;
        return (await ctx.sample('Hello')).text;
      },
    });
    for (const setup of [refusing(-1, 'No'), answering({})]) {
      attempts = 0;
      const { client } = await connectAsked(serverOf({ components: [counted] }).server, setup);
      expect(await call(client, 'background', 'counted')).toMatchObject({ isError: true });
      expect(attempts).toBe(1);
    }
  });
});

describe('a question of a task to the model', () => {
  it('is input_required while it is open, and no longer', async () => {
    let answer: (result: unknown) => void = () => undefined;
    const setup: AskedSetup = { capabilities: everything, answer: () => new Promise((resolve) => (answer = resolve)) };
    const peer = await connectAsked(server(), setup);
    const { taskId } = await startTask(peer.client, 'simple');
    await untilStatus(peer.client, taskId, 'input_required');
    await eventually(() => expect(peer.asked).toHaveLength(1));
    answer(paris);
    await untilStatus(peer.client, taskId, 'completed');
    const statuses = told({ ...peer, [Symbol.asyncDispose]: async () => undefined }, 'notifications/tasks/status');
    expect(statuses.map(({ params }) => params.status)).toEqual(['input_required', 'working', 'completed']);
  });

  it('waits for its whole deadline while no client is there, and is shown to the one that comes [F55]', async () => {
    const { server: patient, clock } = clocked();
    const setup = mute();
    const first = await connectAsked(patient, setup);
    const { taskId } = await startTask(first.client, 'simple');
    await eventually(() => expect(first.asked).toHaveLength(1));
    await first.client.close();
    await clock.advance(59 * 60_000);
    const second = await connectAsked(patient, answering(paris));
    expect(await request(second.client, 'tasks/result', { taskId })).toMatchObject({
      structuredContent: { text: 'Paris' },
    });
  });

  it('ends by its deadline also after the run that asked has failed', async () => {
    const leavesOpen = defineTool({
      name: 'leavesOpen',
      task: 'required',
      retry: { attempts: 2, delay: '2h', backoff: 'fixed' },
      inject: [Context, CurrentExecution],
      run: async (_input, ctx, { attempt }) => {
        const answer = ctx.sample('Still there?', { deadline: '10m' });
        if (attempt === 1) {
          await ctx.listRoots();
          throw new TypeError('too early');
        }
        return (await answer).text;
      },
    });
    const clock = new FakeClock();
    const logger = new Logger(() => undefined);
    const options = { name: 'test', version: '1', components: [leavesOpen], logger };
    const tested = closedAfterwards(serverWithClock(options, clock));
    const closed: string[] = [];
    const setup: AskedSetup = {
      capabilities: everything,
      answer: ({ method }, signal) =>
        method === 'roots/list'
          ? { roots: [] }
          : new Promise(() => signal.addEventListener('abort', () => closed.push(method), { once: true })),
    };
    const { client, asked } = await connectAsked(tested, setup);
    const { taskId } = await startTask(client, 'leavesOpen');
    await eventually(() => expect(asked).toHaveLength(2));
    await untilStatus(client, taskId, 'input_required');
    await clock.advance(10 * 60_000);
    await untilStatus(client, taskId, 'working');
    await eventually(() => expect(closed).toEqual(['sampling/createMessage']));
    await clock.advance(2 * 3_600_000);
    expect(await request(client, 'tasks/result', { taskId })).toMatchObject({
      content: [{ text: 'The client did not answer the request to sample within 600000 ms.' }],
    });
    expect(asked).toHaveLength(2);
  });
});

describe('a job', () => {
  it('has no model, no roots and nobody to send to a URL', async () => {
    const codes: unknown[] = [];
    const lonely = defineJob({
      name: 'lonely',
      inject: [Context],
      run: async (_input, ctx) => {
        const tries = [
          ctx.sample('Hello'),
          ctx.listRoots(),
          ctx.elicitUrl('Go', 'https://a.b'),
          ctx.elicitationComplete('x'),
        ];
        for (const tried of await Promise.allSettled(tries)) {
          codes.push(tried.status === 'rejected' ? (tried.reason as { code: string }).code : tried.status);
        }
      },
    });
    const { server: tested } = serverOf({ components: [lonely] });
    const execution = await tested.docket.add(lonely);
    await execution.result();
    expect(codes).toEqual(['NO_CLIENT', 'NO_CLIENT', 'NO_CLIENT', 'NO_CLIENT']);
  });
});
