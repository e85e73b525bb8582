import type { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { CallToolResultSchema, McpError } from '@modelcontextprotocol/sdk/types.js';
import { afterEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { Context, CurrentDocket, defineJob, defineTool, ErrandError, ToolError } from '../../src/index.js';
import type { ComponentEntry, DocketLimitOptions } from '../../src/index.js';
import { connectAsked } from '../helpers/asked-client.js';
import { call, closeOpened, connect, serverOf, textOf } from '../helpers/in-memory.js';
import { authOf } from '../helpers/principals.js';
import { rejection, startTask, untilStatus } from '../helpers/raw-calls.js';

afterEach(closeOpened);

function served(limits: DocketLimitOptions, ...components: ComponentEntry[]): ReturnType<typeof serverOf> {
  return serverOf({ components, docket: { limits, concurrency: 100 } });
}

const ann = authOf({ subject: 'ann' });
const ben = authOf({ subject: 'ben' });

/** A tool whose calls go on until the test ends them or they are cancelled. */
function holdTool() {
  const ends = new Map<string, () => void>();
  const tool = defineTool({
    name: 'hold',
    task: 'optional',
    inject: [Context, AbortSignal],
    run: (_input, { taskId = 'foreground' }, signal) =>
      new Promise<string>((resolve) => {
        ends.set(taskId, () => resolve('done'));
        signal.addEventListener('abort', () => resolve('cancelled'));
      }),
  });
  const finish = async (client: Client, taskId: string): Promise<void> => {
    await untilStatus(client, taskId, 'working');
    ends.get(taskId)!();
    await untilStatus(client, taskId, 'completed');
  };
  return { tool, ends, finish };
}

const resultOf = (client: Client, taskId: string) =>
  client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema);

const listed = async (client: Client): Promise<number> => (await client.experimental.tasks.listTasks()).tasks.length;

const bytes = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

describe('open tasks', () => {
  it('are as many as the limit says; the next one is refused with the numbers, and leaves no task [MA3]', async () => {
    const hold = holdTool();
    const client = await connect(served({ openTasks: 2 }, hold.tool).server);
    await startTask(client, 'hold');
    await startTask(client, 'hold');
    const refused = await rejection(startTask(client, 'hold'));
    expect(refused).toMatchObject({ code: -32029, data: { limit: 2, open: 2 } });
    expect(refused.message).toBe(
      'MCP error -32029: You have 2 tasks that have not ended; docket.limits.openTasks allows 2. Wait until one ends, or cancel one.',
    );
    expect(await listed(client)).toBe(2);
    expect(hold.ends.size).toBe(2);
  });

  it('make room when they end, are cancelled or fail [MA3]', async () => {
    const hold = holdTool();
    const fail = defineTool({
      name: 'fail',
      task: 'required',
      run: () => {
        throw new ToolError('no');
      },
    });
    const client = await connect(served({ openTasks: 1 }, hold.tool, fail).server);
    const full = async (): Promise<void> =>
      expect(await rejection(startTask(client, 'hold'))).toMatchObject({ code: -32029, data: { limit: 1, open: 1 } });

    const first = await startTask(client, 'hold');
    await full();
    await hold.finish(client, first.taskId);
    const second = await startTask(client, 'hold');
    await full();
    await client.experimental.tasks.cancelTask(second.taskId);
    const third = await startTask(client, 'fail');
    await untilStatus(client, third.taskId, 'failed');
    await startTask(client, 'hold');
    await full();
    expect(await listed(client)).toBe(4);
  });

  it('of one principal leave the room of others as it is [MA1] [MA3]', async () => {
    const { server } = served({ openTasks: 1 }, holdTool().tool);
    const annHere = await connect(server, { auth: ann });
    const annElsewhere = await connect(server, { auth: ann });
    const benHere = await connect(server, { auth: ben });
    const nobody = await connect(server);
    const nobodyElse = await connect(server);
    await startTask(annHere, 'hold');
    expect(await rejection(startTask(annElsewhere, 'hold'))).toMatchObject({ code: -32029 });
    await startTask(benHere, 'hold');
    await startTask(nobody, 'hold');
    // Without authorization all clients are one principal.
    expect(await rejection(startTask(nobodyElse, 'hold'))).toMatchObject({ code: -32029, data: { open: 1 } });
    expect(await rejection(startTask(benHere, 'hold'))).toMatchObject({ code: -32029, data: { open: 1 } });
  });

  it('are neither calls in the foreground nor what the program adds for itself', async () => {
    const hold = holdTool();
    let release = (): void => undefined;
    const job = defineJob({ name: 'job', run: () => new Promise<void>((resolve) => (release = resolve)) });
    const add = defineTool({
      name: 'add',
      task: 'required',
      inject: [CurrentDocket],
      run: async (_input, docket) => (await docket.add(job)).key,
    });
    const client = await connect(served({ openTasks: 1 }, hold.tool, job, add).server);
    const foreground = client.callTool({ name: 'hold' });
    expect(textOf(await call(client, 'background', 'add'))).toBeDefined();
    await startTask(client, 'hold');
    expect(await rejection(startTask(client, 'hold'))).toMatchObject({ code: -32029, data: { open: 1 } });
    hold.ends.get('foreground')!();
    await foreground;
    release();
  });
});

describe('the ttl of a task', () => {
  it('is at most the limit [MA3] [MT4]', async () => {
    const hold = holdTool();
    const client = await connect(served({ ttl: '2h' }, hold.tool).server);
    const granted = async (ttl?: number | null): Promise<unknown> =>
      (await startTask(client, 'hold', {}, ttl === undefined ? {} : { ttl: ttl as number })).ttl;
    const limit = 2 * 60 * 60_000;
    expect(await granted(limit)).toBe(limit);
    expect(await granted(limit + 1)).toBe(limit);
    expect(await granted(null)).toBe(limit);
    expect(await granted()).toBe(60 * 60_000);
  });
});

describe('the input', () => {
  const echo = defineTool({
    name: 'echo',
    task: 'optional',
    input: z.object({ text: z.string() }),
    run: ({ text }) => text,
  });
  // Two bytes each, so that characters are not what is counted.
  const input = { text: 'ü'.repeat(50) };
  const exactly = bytes(input);

  it('of a task is at most as many bytes as the limit says; a larger one leaves no task [MA3]', async () => {
    const client = await connect(served({ input: exactly }, echo).server);
    expect(textOf(await call(client, 'background', 'echo', input))).toBe(input.text);
    const refused = await rejection(startTask(client, 'echo', { text: `${input.text}.` }));
    expect(refused.code).toBe(-32602);
    expect(refused.message).toContain(
      `The input of echo has ${exactly + 1} bytes of JSON; docket.limits.input allows ${exactly}.`,
    );
    expect(await listed(client)).toBe(1);
    // What nobody stores needs no room.
    expect(textOf(await call(client, 'foreground', 'echo', { text: 'ü'.repeat(500) }))).toBe('ü'.repeat(500));
  });

  it('is measured before the schema looks at it', async () => {
    const client = await connect(served({ input: exactly }, echo).server);
    const { message } = await rejection(startTask(client, 'echo', { wrong: 'x'.repeat(exactly) }));
    expect(message).toContain('docket.limits.input');
  });

  it('is not so deep that it cannot be kept; then it is refused, and leaves no task [MA3] [ME2]', async () => {
    const any = defineTool({
      name: 'any',
      task: 'required',
      input: z.object({ tree: z.unknown() }),
      run: () => 'done',
    });
    const { server, log } = served({}, any);
    const client = await connect(server);
    const tree = JSON.parse('['.repeat(50_000) + ']'.repeat(50_000)) as unknown;
    expect(await rejection(startTask(client, 'any', { tree }))).toMatchObject({ code: -32602 });
    expect(await listed(client)).toBe(0);
    expect(log.filter(({ level }) => level === 'error')).toEqual([]);
  });

  it('of what a program adds to the docket is measured as well', async () => {
    const store = defineJob({ name: 'store', input: z.object({ text: z.string() }), run: () => undefined });
    const add = defineTool({
      name: 'add',
      input: z.object({ text: z.string() }),
      inject: [CurrentDocket],
      run: async (given, docket) =>
        docket.add(store, given).then(
          () => 'added',
          (error: unknown) => (ErrandError.is(error, 'INPUT_TOO_LARGE') ? error.message : 'something else'),
        ),
    });
    const client = await connect(served({ input: exactly }, store, add).server);
    expect(textOf(await call(client, 'foreground', 'add', input))).toBe('added');
    expect(textOf(await call(client, 'foreground', 'add', { text: `${input.text}.` }))).toBe(
      `store: input has ${exactly + 1} bytes of JSON; docket.limits.input allows ${exactly}. Give less, or a reference to the data.`,
    );
  });
});

describe('an answer', () => {
  const asking = defineTool({
    name: 'asking',
    task: 'required',
    inject: [Context],
    run: async (_input, ctx) => {
      const answer = await ctx.elicit('Name?', z.string());
      return answer.action === 'accept' ? answer.content : answer.action;
    },
  });
  const answered = async (content: unknown): Promise<unknown> => {
    const { server } = served({ input: 100 }, asking);
    const answer = () => ({ action: 'accept', content });
    const { client } = await connectAsked(server, { capabilities: { elicitation: {} }, answer });
    const { taskId } = await startTask(client, 'asking');
    return resultOf(client, taskId);
  };
  const failed = (text: unknown) => ({ isError: true, content: [{ text }] });

  it('to a task is at most as many bytes as the limit of the input says; a larger one is a failed question [MA3]', async () => {
    const fitting = 'ä'.repeat((100 - bytes({ result: { action: 'accept', content: { value: '' } } })) / 2);
    expect(await answered({ value: fitting })).toMatchObject({ content: [{ text: fitting }] });
    const why =
      /^The client answered the question "Name\?" with error -32602: The answer has 10[12] bytes of JSON; docket\.limits\.input allows 100\.$/;
    expect(await answered({ value: `${fitting}ä` })).toMatchObject(failed(expect.stringMatching(why)));
  });

  it('that nothing can read leaves nobody waiting [MA3]', async () => {
    const deep = JSON.parse('['.repeat(50_000) + ']'.repeat(50_000)) as unknown;
    const why = expect.stringContaining('The answer cannot be written as JSON');
    expect(await answered({ value: deep })).toMatchObject(failed(why));
  });
});

describe('the result', () => {
  let runs = 0;
  const make = defineTool({
    name: 'make',
    task: 'optional',
    retry: 3,
    input: z.object({ length: z.number() }),
    run: ({ length }) => {
      runs++;
      return 'ü'.repeat(length);
    },
  });
  const resultWith = (text: string) => ({ content: [{ type: 'text', text }] });
  const exactly = bytes({ result: resultWith('ü'.repeat(50)) });

  it('of a task is at most as many bytes as the limit says; a larger one is a failed task, made once [MA3] [MS3]', async () => {
    const { server, log } = served({ result: exactly }, make);
    const client = await connect(server);
    expect(await call(client, 'background', 'make', { length: 50 })).toEqual(resultWith('ü'.repeat(50)));

    runs = 0;
    const { taskId } = await startTask(client, 'make', { length: 51 });
    const answered = await resultOf(client, taskId);
    expect(answered).toMatchObject({ isError: true });
    expect(textOf(answered)).toBe(
      `The result of make has ${exactly + 2} bytes of JSON; docket.limits.result allows ${exactly}. Return less, or a link to the data.`,
    );
    await untilStatus(client, taskId, 'failed');
    expect(runs).toBe(1);
    expect(log.filter(({ level }) => level === 'error')).toMatchObject([
      { message: 'A result is too large to be stored', fields: { taskId, error: { code: 'RESULT_TOO_LARGE' } } },
    ]);
    expect(await call(client, 'foreground', 'make', { length: 500 })).toEqual(resultWith('ü'.repeat(500)));
  });

  it('of a job is measured as well', async () => {
    const job = defineJob({
      name: 'job',
      input: z.object({ length: z.number() }),
      retry: 3,
      run: ({ length }) => {
        runs++;
        return 'ü'.repeat(length);
      },
    });
    const add = defineTool({
      name: 'add',
      input: z.object({ length: z.number() }),
      inject: [CurrentDocket],
      run: async (given, docket) => {
        const execution = await docket.add(job, given);
        return execution.result().catch((error: unknown) => (error as Error).cause);
      },
    });
    const limit = bytes({ result: 'ü'.repeat(50) });
    const { server, log } = served({ result: limit }, job, add);
    const client = await connect(server);
    expect(textOf(await call(client, 'foreground', 'add', { length: 50 }))).toBe('ü'.repeat(50));
    runs = 0;
    const { structuredContent } = await call(client, 'foreground', 'add', { length: 51 });
    expect(structuredContent).toEqual({
      code: 'RESULT_TOO_LARGE',
      message: `The result of job has ${limit + 2} bytes of JSON; docket.limits.result allows ${limit}. Return less, or a link to the data.`,
    });
    expect(runs).toBe(1);
    expect(log.filter(({ level }) => level === 'error')).toMatchObject([
      { fields: { component: 'job', error: { code: 'RESULT_TOO_LARGE' } } },
    ]);
  });

  it.each([
    ['an error for the client', () => new ToolError('ü'.repeat(50_000))],
    ['an error of the protocol', () => new McpError(-32000, 'see data', { text: 'ü'.repeat(50_000) })],
  ])('may be %s: what takes its place is kept, also where the limit is smaller than that', async (_what, error) => {
    for (const limit of [50_000, 1]) {
      const fail = defineTool({
        name: 'fail',
        task: 'required',
        run: () => {
          throw error();
        },
      });
      const client = await connect(served({ result: limit }, fail).server);
      const { taskId } = await startTask(client, 'fail');
      expect(textOf(await resultOf(client, taskId))).toMatch(
        new RegExp(`^The result of fail has 100[0-9]{3} bytes of JSON; docket.limits.result allows ${limit}\\. `),
      );
      await untilStatus(client, taskId, 'failed');
    }
  });
});

describe('the questions of a task', () => {
  const quiz = defineTool({
    name: 'quiz',
    task: 'optional',
    input: z.object({ questions: z.number(), careful: z.boolean().default(false) }),
    inject: [Context],
    run: async ({ questions, careful }, ctx) => {
      for (let asked = 0; asked < questions; asked++) {
        try {
          await ctx.elicit(`Question ${asked}?`, z.object({ yes: z.boolean() }));
        } catch (error) {
          if (careful) return `After ${asked}: ${(error as ErrandError).code}`;
          throw error;
        }
      }
      return 'All asked';
    },
  });
  const answer = () => ({ action: 'accept' as const, content: { yes: true } });

  it('are as many as the limit says, answered ones included; one more fails the call in clear words [MA3]', async () => {
    const client = await connect(served({ questions: 2 }, quiz).server, { answer });
    expect(textOf(await call(client, 'background', 'quiz', { questions: 2 }))).toBe('All asked');
    const { taskId } = await startTask(client, 'quiz', { questions: 3 });
    const answered = await resultOf(client, taskId);
    expect(answered).toMatchObject({ isError: true });
    expect(textOf(answered)).toBe(
      'This task has asked 2 questions, as many as docket.limits.questions allows. Ask several things at once, or use another task.',
    );
    await untilStatus(client, taskId, 'failed');
  });

  it('beyond the limit are an error that the tool can catch', async () => {
    const client = await connect(served({ questions: 2 }, quiz).server, { answer });
    expect(textOf(await call(client, 'background', 'quiz', { questions: 3, careful: true }))).toBe(
      'After 2: QUESTION_LIMIT',
    );
    expect(textOf(await call(client, 'foreground', 'quiz', { questions: 3 }))).toBe('All asked');
  });
});

describe('the log', () => {
  const report = defineTool({
    name: 'report',
    task: 'optional',
    input: z.object({ password: z.string() }),
    run: ({ password }) => `made with ${password}`,
  });

  it('has a line for each task that was made, has ended or was cancelled and for each result read [MA3]', async () => {
    const hold = holdTool();
    const { server, log } = served({}, report, hold.tool);
    const client = await connect(server, { auth: ann });
    const { taskId } = await startTask(client, 'report', { password: 'hunter2' });
    await resultOf(client, taskId);
    const held = await startTask(client, 'hold');
    await client.experimental.tasks.cancelTask(held.taskId);

    const principal = log[0]!.fields.principal;
    expect(principal).toMatch(/^[\w-]{43}$/);
    const made = { issuer: ann.extra?.iss, subject: 'ann', clientId: ann.clientId };
    const reported = { taskId, component: 'report', principal };
    const ended = { state: 'completed', attempt: 1, worker: expect.any(String) };
    const cancelled = { taskId: held.taskId, component: 'hold', principal };
    expect(log).toEqual([
      { level: 'info', message: 'A task was created', fields: { ...reported, ...made } },
      { level: 'info', message: 'A task has ended', fields: { ...reported, ...ended } },
      { level: 'debug', message: 'The result of a task was read', fields: reported },
      { level: 'info', message: 'A task was created', fields: { ...cancelled, ...made } },
      { level: 'info', message: 'A task was cancelled by its client', fields: cancelled },
    ]);
    expect(JSON.stringify(log)).not.toMatch(/token of|hunter2|made with/);
  });

  it('knows who is nobody in particular, and has no line for a call in the foreground or one that was refused', async () => {
    const { server, log } = served({ openTasks: 1 }, report, holdTool().tool);
    const client = await connect(server);
    await call(client, 'foreground', 'report', { password: 'hunter2' });
    await rejection(startTask(client, 'report', { password: 5 }));
    await startTask(client, 'hold');
    await rejection(startTask(client, 'hold'));
    expect(log).toMatchObject([
      { message: 'A task was created', fields: { component: 'hold', principal: 'anonymous' } },
    ]);
  });
});
