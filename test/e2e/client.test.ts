import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { connect } from '../../src/client/connect.js';
import type { Client } from '../../src/client/client.js';
import type { ClientOptions } from '../../src/client/options.js';
import type { UserAnswer, UserQuestion } from '../../src/client/questions.js';
import { defineTool } from '../../src/components/define.js';
import { Logger } from '../../src/base/logger.js';
import { Context } from '../../src/call/context.js';
import { createServer, type ErrandServer } from '../../src/server/create-server.js';
import { z } from 'zod';
import { freePort } from '../helpers/redis-server.js';
import { cli, fixtureFile } from '../helpers/child.js';
import { eventually } from '../helpers/eventually.js';
import { answeredWith, rejectionOf } from '../helpers/thrown.js';
import { fixtureCommand } from '../helpers/transports.js';
import makeErrands from './fixtures/errands.js';

const smoking = ({ message }: UserQuestion): UserAnswer => {
  expect(message).toBe('A table for 4?');
  return { action: 'accept', content: { smoking: false } };
};

const fail = (message: string): never => {
  throw new TypeError(message);
};

let server: ErrandServer;
const clients: Client[] = [];

async function open(target: Parameters<typeof connect>[0], options?: ClientOptions): Promise<Client> {
  const client = await connect(target, options);
  clients.push(client);
  return client;
}

beforeEach(() => {
  server = makeErrands();
});

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  await server.close();
});

const targets: Record<string, () => Promise<Parameters<typeof connect>[0]>> = {
  'a server': () => Promise.resolve(server),
  'a URL': async () => new URL((await server.listen()).url),
  'a URL as text': async () => (await server.listen()).url,
  'a command': () => Promise.resolve(fixtureCommand('errands')),
  'a command as text': () => Promise.resolve(`${process.execPath} ${cli} run ${fixtureFile('errands.ts')}`),
};

describe.each(Object.entries(targets))('connected to %s', (_name, target) => {
  it('calls in the foreground and as a task, with progress and a question in both', async () => {
    const client = await open(await target(), { elicitation: true });
    expect((await client.listTools()).map(({ name }) => name)).toContain('book');
    const steps: number[] = [];
    const handlers = { onProgress: ({ progress }: { progress: number }) => steps.push(progress), onElicit: smoking };

    const { content } = await client.callTool('book', { guests: 4 }, handlers);
    expect(content).toEqual([{ type: 'text', text: 'booked, smoking: false' }]);
    expect(steps).toEqual([0, 0.5, 2]);

    steps.length = 0;
    const task = await client.callTool('book', { guests: 4 }, { ...handlers, task: true, ttl: 60_000 });
    expect(await task.result()).toMatchObject({ content });
    expect(steps).toEqual([0, 0.5, 2]);
    expect(await task.status()).toMatchObject({ taskId: task.taskId, status: 'completed', ttl: 60_000 });
  });
});

describe('a task', () => {
  it('is waited for until it has ended, or is in the wanted state', async () => {
    const client = await open(server, { elicitation: true });
    let answer: ((answer: UserAnswer) => void) | undefined;
    const onElicit = (): Promise<UserAnswer> => new Promise((resolve) => (answer = resolve));
    const task = await client.callTool('book', { guests: 4 }, { task: true, onElicit });
    expect((await task.wait({ state: 'input_required' })).status).toBe('input_required');
    const ended = task.wait();
    await eventually(() => expect(answer).toBeDefined());
    answer?.({ action: 'decline' });
    expect((await ended).status).toBe('completed');
    expect((await task.wait({ state: 'working' })).status).toBe('completed');
  });

  it('is given up by a wait after its timeout, and goes on', async () => {
    const client = await open(server);
    const task = await client.callTool('forever', {}, { task: true });
    const refusal = await rejectionOf(task.wait({ timeout: 20 }));
    expect(refusal).toMatchObject({
      code: 'WAIT_TIMED_OUT',
      message: expect.stringContaining('still working after 20 ms'),
    });
    expect((await task.status()).status).toBe('working');
  });

  it('is cancelled, after which its result is an error and cancelling again is refused', async () => {
    const client = await open(server);
    const task = await client.callTool('forever', {}, { task: true });
    const result = task.result();
    expect((await task.cancel()).status).toBe('cancelled');
    await expect(result).rejects.toMatchObject(answeredWith(-32603, 'Task was cancelled'));
    await expect(task.cancel()).rejects.toMatchObject(answeredWith(-32602));
  });

  it('gives its real result when it failed, and the same again when the connection is closed', async () => {
    const client = await open(server);
    const task = await client.callTool('refuse', {}, { task: true });
    expect((await task.wait()).status).toBe('failed');
    const result = await task.result();
    expect(result).toMatchObject({ isError: true, content: [{ text: 'closed on Mondays' }] });
    await client.close();
    expect(await task.result()).toBe(result);
  });

  it('fails with the error of the protocol that its call failed with', async () => {
    const client = await open(server);
    const task = await client.callTool('protocol', {}, { task: true });
    await expect(task.result()).rejects.toMatchObject({ ...answeredWith(-32042), cause: { data: { table: 7 } } });
  });

  it('is asked for again after the connection failed', async () => {
    const client = await open((await server.listen()).url, { elicitation: true });
    const task = await client.callTool('book', { guests: 4 }, { task: true, onElicit: smoking });
    const { fetch } = globalThis;
    globalThis.fetch = () => Promise.reject(new TypeError('no network'));
    try {
      await expect(task.result()).rejects.toThrow('no network');
    } finally {
      globalThis.fetch = fetch;
    }
    expect(await task.result()).toMatchObject({ content: [{ text: 'booked, smoking: false' }] });
  });

  it('that the server refuses makes no handle', async () => {
    const client = await open(server);
    await expect(client.callTool('book', { guests: 'four' }, { task: true })).rejects.toMatchObject(
      answeredWith(-32602),
    );
  });
});

describe('questions', () => {
  const asking = (name: string) =>
    defineTool({
      name,
      task: 'optional',
      inject: [Context],
      run: async (_input, ctx) => {
        const answer = await ctx.elicit(`${name}?`, z.string());
        return answer.action === 'accept' ? answer.content : answer.action;
      },
    });
  const accept = (value: string) => (): UserAnswer => ({ action: 'accept', content: { value } });

  beforeEach(async () => {
    await server.close();
    const logger = new Logger(() => undefined);
    server = createServer({ name: 'asking', version: '1.0.0', components: [asking('one'), asking('two')], logger });
  });

  const textOf = async (result: Promise<{ content: unknown[] }>): Promise<unknown> =>
    ((await result).content[0] as { text: string }).text;

  it('go to the handler of their task, of any number at once', async () => {
    const client = await open(server, { onElicit: accept('the client') });
    const [one, two, three] = await Promise.all([
      client.callTool('one', {}, { task: true, onElicit: accept('first') }),
      client.callTool('two', {}, { task: true, onElicit: accept('second') }),
      client.callTool('two', {}, { task: true }),
    ]);
    expect(await Promise.all([one, two, three].map((task) => textOf(task.result())))).toEqual([
      'first',
      'second',
      'the client',
    ]);
  });

  it('of foreground calls go to the handler of the call while it is the only one, else to the client', async () => {
    const client = await open(server, { onElicit: accept('the client') });
    expect(await textOf(client.callTool('one', {}, { onElicit: accept('mine') }))).toBe('mine');
    const both = [
      client.callTool('one', {}, { onElicit: accept('mine') }),
      client.callTool('two', {}, { onElicit: accept('yours') }),
    ];
    expect(await Promise.all(both.map(textOf))).toEqual(['the client', 'the client']);
  });

  it('of several foreground calls fail when the client has no handler of its own', async () => {
    const client = await open(server, { elicitation: true });
    const both = ['one', 'two'].map((name) => client.callTool(name, {}, { onElicit: accept('mine') }));
    for (const result of await Promise.all(both)) {
      expect(result).toMatchObject({ isError: true });
      expect(result.content).toMatchObject([{ text: expect.stringContaining('Pass onElicit to connect().') }]);
    }
  });

  it.each<[string, () => UserAnswer, unknown]>([
    ['that throws', () => fail('the password is 1234'), { message: 'the password is 1234' }],
    ['that gives no answer', () => 'yes' as never, { name: 'ZodError' }],
  ])('fail by a handler %s: the server learns that, the user of the client why', async (_what, onElicit, error) => {
    const errors: unknown[] = [];
    const client = await open(server, { onElicit, onError: (thrown) => errors.push(thrown) });
    const { isError, content } = await client.callTool('one');
    expect(isError).toBe(true);
    expect(JSON.stringify(content)).toContain('The client failed to ask its user.');
    expect(JSON.stringify(content)).not.toContain('1234');
    expect(errors).toMatchObject([error]);
  });

  it('are failures that the process is warned of when nobody listens', async () => {
    const emitWarning = jest.spyOn(process, 'emitWarning').mockReturnValue();
    const client = await open(server, { onElicit: () => fail('no terminal') });
    await client.callTool('one');
    expect(emitWarning.mock.calls).toEqual([['no terminal', 'TypeError']]);
    emitWarning.mockRestore();
  });

  it('are not asked of a client that has no handler', async () => {
    const client = await open(server);
    expect(await textOf(client.callTool('one'))).toContain("did not declare the capability 'elicitation'");
  });

  it('have no handler for a call of a client that did not declare any', async () => {
    const client = await open(server);
    const handlers = { onElicit: accept('mine') };
    const refused = expect.objectContaining({ code: 'OPTIONS_INVALID', message: expect.stringContaining('onElicit') });
    await expect(client.callTool('one', {}, handlers)).rejects.toEqual(refused);
    await expect(client.callTool('one', {}, { ...handlers, task: true })).rejects.toEqual(refused);
    expect(() => client.toolTask('any', handlers)).toThrow(refused);
  });

  it('are answered with cancel when nobody is there to ask', async () => {
    const client = await open(server, { elicitation: true });
    expect(await textOf(client.callTool('one'))).toBe('cancel');
    expect(await textOf((await client.callTool('one', {}, { task: true })).result())).toBe('cancel');
  });
});

it('hands the log of the server on', async () => {
  await server.close();
  const talk = defineTool({
    name: 'talk',
    inject: [Context],
    run: (_input, ctx) => ctx.warning('careful', { step: 3 }),
  });
  server = createServer({ name: 'talking', version: '1.0.0', components: [talk] });
  const log: unknown[] = [];
  const client = await open(server, { onLog: (entry) => log.push(entry) });
  await client.callTool('talk');
  expect(log).toMatchObject([{ level: 'warning', logger: 'talk', data: { message: 'careful', step: 3 } }]);
});

it.each([undefined, null, 42, '', '   ', 'ftp://127.0.0.1/mcp', {}, { command: 3 }])(
  'does not connect to %p',
  async (target) => {
    const refusal = await rejectionOf(connect(target as never));
    expect(refusal.code).toBe('CONNECT_TARGET');
    expect(refusal.message).toContain('Pass a server, an http:// or https:// URL, or a command');
  },
);

it('refuses a URL with a password, and does not repeat it', async () => {
  const refusal = await rejectionOf(connect('http://anna:hunter2@127.0.0.1:1/mcp'));
  expect(refusal.code).toBe('CONNECT_TARGET');
  expect(refusal.message).toContain('URL of 127.0.0.1:1 with a user or password');
  expect(refusal.message).not.toContain('hunter2');
});

it('says where no server answers, and why', async () => {
  const origin = `http://127.0.0.1:${await freePort()}`;
  const failure = await rejectionOf(connect(`${origin}/mcp?token=hunter2`));
  expect(failure.code).toBe('CONNECT_FAILED');
  expect(failure.message).toMatch(`No server answers at ${origin}/mcp: `);
  expect(failure.message).toContain('ECONNREFUSED');
  expect(failure.message).not.toContain('hunter2');
});

it('says which command cannot be started', async () => {
  const failure = await rejectionOf(connect({ command: 'no-such-program' }));
  expect(failure.code).toBe('CONNECT_FAILED');
  expect(failure.message).toContain("The server's command could not be started: spawn no-such-program ENOENT");
});

it('says so when a call is given up by its timeout or its signal', async () => {
  const client = await open(server, { elicitation: true });
  await expect(client.callTool('errand', {}, { timeout: 1_000 })).rejects.toMatchObject(answeredWith(-32601));
  const abort = new AbortController();
  const calling = client.callTool(
    'book',
    { guests: 4 },
    { onElicit: () => new Promise(() => undefined), signal: abort.signal },
  );
  const reason = new Error('no appetite');
  abort.abort(reason);
  await expect(calling).rejects.toBe(reason);
  await expect(client.callTool('book', { guests: 4 }, { task: true, signal: abort.signal })).rejects.toBe(reason);
});

it('waits for an answer as long as it is told to, be it for ever', async () => {
  const client = await open(server, { elicitation: true });
  // A timer that is given more than it can hold fires after one millisecond.
  const onElicit = async (question: UserQuestion): Promise<UserAnswer> => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    return smoking(question);
  };
  expect(await client.callTool('book', { guests: 4 }, { timeout: Infinity, onElicit })).toMatchObject({
    content: [{ text: 'booked, smoking: false' }],
  });
});
