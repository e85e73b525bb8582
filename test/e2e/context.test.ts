import { afterEach, describe, expect, it } from '@jest/globals';
import { LoggingMessageNotificationSchema } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import {
  Context,
  CurrentExecution,
  CurrentServer,
  CurrentWorker,
  defineTool,
  inject,
  Progress,
  tool,
} from '../../src/index.js';
import { eventually } from '../helpers/eventually.js';
import { call, closeOpened, connect, modes, serverOf, textOf } from '../helpers/in-memory.js';

afterEach(closeOpened);

const isTask = { foreground: false, background: true };

describe.each(modes)('the Context in the %s', (mode) => {
  it('knows the call, the client and the request', async () => {
    const about = defineTool({
      name: 'about',
      task: 'optional',
      inject: [Context, CurrentServer],
      run: (_input, ctx, server) => ({
        component: ctx.component,
        mode: ctx.mode,
        isBackground: ctx.isBackground,
        hasTask: ctx.taskId !== undefined,
        hasRequest: ctx.requestId !== undefined,
        capabilities: ctx.clientCapabilities,
        client: ctx.clientInfo?.name,
        aborted: ctx.signal.aborted,
        server: `${server.name} ${server.version}`,
      }),
    });
    const client = await connect(serverOf({ components: [about] }).server);
    expect((await call(client, mode, 'about')).structuredContent).toEqual({
      component: 'about',
      mode,
      isBackground: isTask[mode],
      hasTask: isTask[mode],
      hasRequest: true,
      capabilities: {},
      client: 'test-client',
      aborted: false,
      server: 'test 1.0.0',
    });
  });

  it('rejects after the end of the call, and so does Progress', async () => {
    let kept: { ctx: Context; progress: Progress } | undefined;
    const work = defineTool({
      name: 'work',
      task: 'optional',
      inject: [Context, Progress],
      run: (_input, ctx, progress) => {
        kept = { ctx, progress };
      },
    });
    const client = await connect(serverOf({ components: [work] }).server, { answer: () => ({ action: 'decline' }) });
    await call(client, mode, 'work');
    const { ctx, progress } = kept!;
    const late = [
      () => ctx.elicit('Still there?', z.boolean()),
      () => ctx.reportProgress(1),
      () => ctx.log('info', 'late'),
      () => ctx.debug('late'),
      () => ctx.info('late'),
      () => ctx.warning('late'),
      () => ctx.error('late'),
      () => progress.increment(),
      () => progress.setTotal(1),
      () => progress.setMessage('late'),
    ];
    for (const each of late) await expect(each()).rejects.toMatchObject({ code: 'CALL_ENDED' });
    expect(ctx.signal.aborted).toBe(false);
  });

  it.each<[string, (ctx: Context) => Promise<unknown>, string]>([
    [
      'a deadline that is no duration',
      (ctx) => ctx.elicit('?', z.string(), { deadline: 'soon' as '1s' }),
      'OPTIONS_INVALID',
    ],
    ['a schema that is not flat', (ctx) => ctx.elicit('?', z.object({ a: z.object({}) })), 'ELICITATION_SCHEMA'],
    ['a client that cannot be asked', (ctx) => ctx.elicit('?', z.string()), 'CLIENT_CANNOT_ELICIT'],
    ['fields that are not JSON', (ctx) => ctx.info('x', { big: 1n }), 'RESULT_NOT_JSON'],
    ['a progress that is no number', (ctx) => ctx.reportProgress(Number.NaN), 'OPTIONS_INVALID'],
  ])('rejects, and does not throw, for %s', async (_what, ask, code) => {
    const seen: unknown[] = [];
    const work = defineTool({
      name: 'work',
      task: 'optional',
      inject: [Context],
      run: async (_input, ctx) => {
        const asked = ask(ctx);
        seen.push('returned a promise');
        await asked.catch((error: unknown) => seen.push((error as { code: unknown }).code));
      },
    });
    const client = await connect(serverOf({ components: [work] }).server);
    await call(client, mode, 'work');
    expect(seen).toEqual(['returned a promise', code]);
  });

  it('sends log lines to the client, from the level it asked for [F62]', async () => {
    const work = defineTool({
      name: 'work',
      task: 'optional',
      inject: [Context],
      run: async (_input, ctx) => {
        await ctx.debug('too quiet');
        await ctx.warning('loud', { times: 2 });
        await ctx.error('louder');
      },
    });
    const client = await connect(serverOf({ components: [work] }).server);
    const lines: unknown[] = [];
    client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
      lines.push([params.level, params.logger, params.data]);
    });
    await client.setLoggingLevel('warning');
    await call(client, mode, 'work');
    await eventually(() =>
      expect(lines).toEqual([
        ['warning', 'work', { message: 'loud', times: 2 }],
        ['error', 'work', 'louder'],
      ]),
    );
  });

  it('an execution and a worker are there in the background alone', async () => {
    class Tools {
      @tool({ task: 'optional' })
      where(
        @inject(CurrentExecution, { optional: true }) execution: CurrentExecution | undefined,
        @inject(CurrentWorker, { optional: true }) worker: CurrentWorker | undefined,
        ctx: Context,
      ) {
        if (execution === undefined || worker === undefined) return `${execution === worker}`;
        return `${execution.key === ctx.taskId} ${execution.attempt} ${execution.redelivered} ${worker.name !== ''}`;
      }
    }
    const client = await connect(serverOf({ components: [Tools] }).server);
    expect(textOf(await call(client, mode, 'where'))).toBe(mode === 'foreground' ? 'true' : 'true 1 false true');
  });
});
