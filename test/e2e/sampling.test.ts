import { afterEach, describe, expect, it } from '@jest/globals';
import type { ClientCapabilities } from '@modelcontextprotocol/sdk/types.js';
import { Context, defineTool, type ErrandServer } from '../../src/index.js';
import type { SampleMessage, SampleOptions } from '../../src/index.js';
import {
  answering,
  connectAsked,
  connectAskedOverHttp,
  everything,
  mute,
  paris,
  refusing,
  says,
  type AskedSetup,
} from '../helpers/asked-client.js';
import { clockedServer } from '../helpers/clocked-server.js';
import { eventually } from '../helpers/eventually.js';
import { call, closeOpened, modes, serverOf, textOf } from '../helpers/in-memory.js';

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
];

const server = (): ErrandServer => serverOf({ components }).server;

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
    expect(textOf(result)).toMatch(/^The client answered the request to sample with an invalid result: .+\.$/);
  });

  it('ends the call when it does not answer before the deadline, and its prompt is closed', async () => {
    const { server: slow, clock } = clockedServer(components);
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

  it('is asked on the stream of the call over HTTP', async () => {
    const { client } = await connectAskedOverHttp(server(), answering(paris));
    expect((await call(client, mode, 'simple')).structuredContent).toMatchObject({ text: 'Paris' });
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
