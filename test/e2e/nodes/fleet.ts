import { z } from 'zod';
import {
  Context,
  createServer,
  defineTool,
  Logger,
  Progress,
  type DocketOptions,
  type ErrandServer,
} from '../../../src/index.js';

const nothing = z.object({});

/** Reports, asks, and reports again. */
const book = defineTool({
  name: 'book',
  input: nothing,
  task: 'optional',
  inject: [Context, Progress],
  run: async (_input, ctx, progress) => {
    await progress.setTotal(2);
    await ctx.info('looking for a table');
    await progress.increment();
    const answer = await ctx.elicit('Which table?', z.string());
    await progress.increment();
    return answer.action === 'accept' ? `booked ${answer.content}` : answer.action;
  },
});

/** Ends only with its signal. */
const stays = defineTool({
  name: 'stays',
  task: 'optional',
  inject: [AbortSignal, Context],
  run: async (_input, signal, ctx) => {
    await ctx.info('I stay');
    return new Promise<string>((_, reject) => {
      const abort = (): void => reject(signal.reason as Error);
      if (signal.aborted) abort();
      else signal.addEventListener('abort', abort, { once: true });
    });
  },
});

const quick = defineTool({ name: 'quick', task: 'optional', run: () => 'done' });

/** One node of several on a docket in Redis: of that which the environment names, where it is told of none. */
export default function makeServer(docket: DocketOptions = {}): ErrandServer {
  const logger = new Logger(() => undefined);
  const options = { worker: false, lease: '2s', ...docket } as const;
  return createServer({ name: 'fleet', version: '1.0.0', components: [book, stays, quick], docket: options, logger });
}
