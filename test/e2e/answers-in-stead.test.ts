import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { tasksCommand } from '../../src/cli/commands/tasks.js';
import { connect } from '../../src/client/connect.js';
import { Context, createServer, defineTool, Logger, type ErrandServer, type LogFields } from '../../src/index.js';
import { openDocket, type DocketClient } from '../../src/redis/index.js';
import type { Ended } from '../helpers/child.js';
import { runHere } from '../helpers/command.js';
import { eventually } from '../helpers/eventually.js';
import { rejection } from '../helpers/raw-calls.js';
import { TestDocket } from '../helpers/redis.js';

const publish = defineTool({
  name: 'publish',
  task: 'required',
  inject: [Context],
  run: async (_input, ctx) => {
    const answer = await ctx.elicit(
      'Publish it?',
      z.object({ when: z.enum(['now', 'later']), note: z.string().max(5) }),
    );
    return answer.action === 'accept' ? `${answer.content.when} ${answer.content.note}` : answer.action;
  },
});
const approve = defineTool({
  name: 'approve',
  task: 'required',
  inject: [Context],
  run: async (_input, ctx) => {
    const first = await ctx.elicit('First?', z.boolean(), { key: 'first' });
    const { text } = await ctx.sample('In one word?', { key: 'word' });
    const roots = await ctx.listRoots({ key: 'roots' });
    return [first.action, text, ...roots.map(({ uri }) => uri)].join(' ');
  },
});

const dockets: TestDocket[] = [];
const closing: { close(): Promise<void> }[] = [];
let log: { message: string; fields: LogFields }[] = [];

afterEach(async () => {
  for (const each of closing.splice(0).reverse()) await each.close();
  await Promise.all(dockets.splice(0).map((docket) => docket.dispose()));
  log = [];
});

function serve(docket: object = {}): ErrandServer {
  const logger = new Logger((_level, message, fields) => log.push({ message, fields }));
  const server = createServer({ name: 's', version: '1.0.0', components: [publish, approve], logger, docket });
  closing.push(server);
  return server;
}

/** A task whose client shows the prompt and never answers. */
async function asking(
  server: ErrandServer,
  tool: 'publish' | 'approve',
): Promise<{ taskId: string; result: Promise<string>; closed: () => number }> {
  let closed = 0;
  const silent = ({ signal }: { readonly signal: AbortSignal }): Promise<never> => {
    signal.addEventListener('abort', () => closed++);
    return new Promise(() => undefined);
  };
  const client = await connect(server, {
    onElicit: silent,
    onSample: silent,
    roots: () => new Promise(() => undefined),
  });
  closing.push(client);
  const task = await client.callTool(tool, {}, { task: true });
  await task.wait({ state: 'input_required' });
  const result = task.result().then(({ content }) => (content[0] as { text: string }).text);
  return { taskId: task.taskId, result, closed: () => closed };
}

/** What the log says about an answer. */
const told = (): LogFields[] =>
  log.flatMap(({ message, fields }) => (message === 'A question was answered' ? [fields] : []));

describe('an answer in the stead of the client', () => {
  it('[A12] counts like one of the client: the method goes on, the prompt is closed, the log and the record say who', async () => {
    const server = serve();
    const { taskId, result, closed } = await asking(server, 'publish');
    const execution = (await server.docket.get(taskId))!;
    const [question] = await execution.questions();
    expect(question).toMatchObject({
      kind: 'elicitation',
      message: 'Publish it?',
      isAnswered: false,
      params: { requestedSchema: { required: ['when', 'note'] } },
    });
    const { key } = question!;
    const answer = { action: 'accept', content: { when: 'now', note: 'short' } } as const;
    const racing = await Promise.all(['ann', 'ben'].map((by) => execution.answer(key, answer, { by })));
    expect(racing.filter(Boolean)).toHaveLength(1);
    expect(await result).toBe('now short');
    await eventually(() => expect(closed()).toBe(1));
    const by = racing[0] === true ? 'ann' : 'ben';
    expect(told()).toEqual([expect.objectContaining({ taskId, component: 'publish', question: key, by })]);
    expect(JSON.stringify(log)).not.toContain('short');
    expect(await execution.questions()).toEqual([]);
    expect(await execution.answer(key, answer, { by })).toBe(false);
  });

  it('[A12] that does not fit is refused with the way out, and the question stays open', async () => {
    const server = serve({ limits: { input: 200 } });
    const { taskId, result } = await asking(server, 'publish');
    const execution = (await server.docket.get(taskId))!;
    const { key } = (await execution.questions())[0]!;
    const by = 'ann';
    const refused = (answer: unknown, options: unknown = { by }, question = key): Promise<unknown> =>
      rejection(execution.answer(question, answer as never, options as never));
    for (const wrong of [
      undefined,
      true,
      { action: 'accept' },
      { action: 'agree' },
      { roots: [] },
      { action: 'accept', content: { when: 'never', note: '' } },
      { action: 'accept', content: { when: 'now', note: 'too long' } },
      { action: 'accept', content: { when: 'now' } },
    ]) {
      expect(await refused(wrong)).toMatchObject({
        code: 'ANSWER_INVALID',
        message: expect.stringMatching(/does not fit: .+ Give \{ action: 'accept'.+ stays open\.$/),
      });
    }
    expect(await refused({ action: 'decline', content: { note: 'x'.repeat(300) } })).toMatchObject({
      code: 'INPUT_TOO_LARGE',
    });
    for (const options of [null, {}, { by: '' }, { by: 'x'.repeat(201) }, { by, other: 1 }]) {
      expect(await refused({ action: 'decline' }, options)).toMatchObject({ code: 'OPTIONS_INVALID' });
    }
    expect(await refused({ action: 'decline' }, { by }, 'other')).toMatchObject({
      code: 'QUESTION_UNKNOWN',
      message: expect.stringContaining(key),
    });
    expect(await execution.questions()).toMatchObject([{ key, isAnswered: false }]);
    expect(await execution.answer(key, { action: 'decline' }, { by })).toBe(true);
    expect(await result).toBe('decline');
  });

  it('[A12] comes from another process too, of every kind and by the command line, and the log of the server tells', async () => {
    const docket = new TestDocket();
    dockets.push(docket);
    const { url, name } = docket;
    const { taskId, result } = await asking(serve({ url, name }), 'approve');
    const operator = await openDocket({ url, name });
    closing.push(operator);
    const errand = (...args: string[]): Promise<Ended> =>
      runHere(tasksCommand, [args[0]!, '--docket-url', url, '--docket-name', name, ...args.slice(1)]);
    expect((await errand('show', taskId)).stdout).toMatch(
      /^questions\n {2}k-first-1 \(elicitation, open until .+\): First\?\n {4}fields \{"value":\{"type":"boolean"\}\}$/m,
    );
    expect(await errand('answer', taskId, '--content', 'yes')).toMatchObject({
      code: 1,
      stderr: /--content is not JSON/,
    });
    expect((await errand('answer', taskId)).stderr).toContain('There is no answer. Give --content');
    expect(await errand('answer', taskId, '--content', '"yes"')).toMatchObject({ code: 1 });
    expect(await errand('answer', taskId, '--content', 'true', '--by', 'ann\u001b')).toEqual({
      code: 0,
      stdout: `Answered k-first-1 of ${taskId} as ann\\u{1b}\n`,
      stderr: '',
    });
    await eventually(async () => expect((await operator.get(taskId))?.openQuestions).toBe(1));
    const word = { role: 'assistant', content: { type: 'text', text: 'yes' }, model: 'none' } as const;
    expect(await operator.answer(taskId, 'k-word-1', word, { by: 'ben' })).toBe(true);
    await eventually(async () => expect((await operator.get(taskId))?.openQuestions).toBe(1));
    expect((await operator.get(taskId))?.questions).toMatchObject([
      { key: 'k-first-1', isAnswered: true, answeredBy: 'ann\u001b' },
      { key: 'k-word-1', isAnswered: true, answeredBy: 'ben' },
      { key: 'k-roots-1', isAnswered: false },
    ]);
    const roots = '{"roots":[{"uri":"file:///work"}]}';
    expect(await errand('answer', taskId, 'k-roots-1', '--result', roots, '--by', 'cid')).toMatchObject({ code: 0 });
    expect(await result).toBe('accept yes file:///work');
    expect(told().map(({ question, by }) => [question, by])).toEqual([
      ['k-first-1', 'ann\u001b'],
      ['k-word-1', 'ben'],
      ['k-roots-1', 'cid'],
    ]);
    expect((await errand('show', taskId)).stdout).toMatch(/^ {2}k-word-1 \(answered by ben\)$/m);
    expect(await errand('answer', taskId, 'k-first-1', '--action', 'decline')).toMatchObject({ code: 1, stdout: '' });
    expect((await errand('answer', taskId, '--action', 'decline')).stderr).toContain('has no open question');
    expect(await rejection(operator.answer('nobody', 'q', { action: 'decline' }, { by: 'x' }))).toMatchObject({
      code: 'EXECUTION_UNKNOWN',
    });
  });

  it('[A12] to a sealed docket is sealed with the name, and refused without the key', async () => {
    const docket = new TestDocket();
    dockets.push(docket);
    const { url, name } = docket;
    const encryptionKeys = [randomBytes(32).toString('base64')];
    const { taskId, result } = await asking(serve({ url, name, encryptionKeys }), 'publish');
    const [stranger, operator] = await Promise.all([
      openDocket({ url, name }),
      openDocket({ url, name, encryptionKeys }),
    ]);
    closing.push(stranger, operator);
    const questionOf = async (client: DocketClient) => (await client.get(taskId))!.questions[0]!;
    expect(await questionOf(stranger)).not.toHaveProperty('params');
    const { key } = await questionOf(operator);
    expect(await rejection(stranger.answer(taskId, key, { action: 'decline' }, { by: 'eve' }))).toMatchObject({
      code: 'SEAL_INVALID',
    });
    const answer = { action: 'accept', content: { when: 'later', note: 'x' } } as const;
    expect(await operator.answer(taskId, key, answer, { by: 'ann@example.com' })).toBe(true);
    expect(await result).toBe('later x');
    expect((await operator.get(taskId))?.answerers).toEqual([{ question: key, by: 'ann@example.com' }]);
    expect(JSON.stringify(await stranger.get(taskId))).not.toContain('ann@example.com');
  });
});
