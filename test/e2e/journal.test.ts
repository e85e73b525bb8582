import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import { Context, CurrentExecution, defineTool, ErrandError, Logger, type ErrandServer } from '../../src/index.js';
import { serverWithClock } from '../helpers/clocked-server.js';
import { eventually } from '../helpers/eventually.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { startTask, told } from '../helpers/raw-calls.js';
import { connectInMemory, type Answering, type Peer } from '../helpers/transports.js';

const minute = 60_000;
const twice = { attempts: 2, delay: 0 } as const;

/** A background tool that is run again once: its first attempt fails after everything that it asked was answered. */
function failsOnce(name: string, ask: (ctx: Context, attempt: number) => Promise<string>) {
  return defineTool({
    name,
    task: 'required',
    retry: twice,
    inject: [Context, CurrentExecution],
    run: async (_input, ctx, { attempt }) => {
      const answers = await ask(ctx, attempt);
      if (attempt === 1) throw new TypeError('the network went away');
      return `attempt ${attempt}: ${answers}`;
    },
  });
}

const value = async (answer: ReturnType<Context['elicit']>): Promise<string> => {
  const given = await answer;
  return given.action === 'accept' ? String(given.content) : given.action;
};

const inTurn = failsOnce('inTurn', async (ctx) => {
  const one = await value(ctx.elicit('One?', z.string()));
  const two = await value(ctx.elicit('Two?', z.string()));
  return `${one}, ${two}`;
});

const together = failsOnce('together', async (ctx, attempt) => {
  const messages = ['A?', 'B?', 'C?'];
  const order = attempt === 1 ? messages : [...messages].reverse();
  const answers = await Promise.all(order.map(async (each) => [each, await value(ctx.elicit(each, z.string()))]));
  return answers
    .map(([message, answer]) => `${message} ${answer}`)
    .sort()
    .join(', ');
});

const again = failsOnce('again', async (ctx) => {
  const answers: string[] = [];
  for (let count = 0; count < 3; count++) answers.push(await value(ctx.elicit('Again?', z.string())));
  return answers.join(', ');
});

const keyed = failsOnce('keyed', async (ctx, attempt) => {
  const ask = (key: string) => value(ctx.elicit(`In attempt ${attempt}?`, z.string(), { key }));
  return (await Promise.all(attempt === 1 ? [ask('x'), ask('y')] : [ask('y'), ask('x')])).sort().join(', ');
});

const identical = defineTool({
  name: 'identical',
  task: 'required',
  inject: [Context],
  run: async (_input, ctx) => {
    const one = ctx.elicit('Same?', z.string());
    const other = await ctx.elicit('Same?', z.string()).catch((error: unknown) => error);
    return `${ErrandError.is(other, 'QUESTION_DUPLICATE') ? 'refused' : 'asked'}, ${await value(one)}`;
  },
});

const identicalWithKeys = defineTool({
  name: 'identicalWithKeys',
  task: 'required',
  inject: [Context],
  run: async (_input, ctx) => {
    const keys = ['left side', 'right side'];
    return (await Promise.all(keys.map((key) => value(ctx.elicit('Same?', z.string(), { key }))))).join(', ');
  },
});

const gaveUp = failsOnce('gaveUp', (ctx) => value(ctx.elicit('Slow?', z.string(), { deadline: minute })));

let attempts = 0;

/** Leaves its question open when its first attempt fails. */
const leavesOpen = defineTool({
  name: 'leavesOpen',
  task: 'required',
  retry: twice,
  inject: [Context, CurrentExecution],
  run: async (_input, ctx, { attempt }) => {
    const answer = ctx.elicit('Still there?', z.string());
    attempts = attempt;
    if (attempt === 1) {
      await ctx.elicit('First?', z.string());
      throw new TypeError('too early');
    }
    return value(answer);
  },
});

let clock: FakeClock;
let server: ErrandServer;

beforeEach(() => {
  attempts = 0;
  clock = new FakeClock();
  const components = [inTurn, together, again, keyed, identical, identicalWithKeys, gaveUp, leavesOpen];
  const logger = new Logger(() => undefined);
  server = serverWithClock({ name: 'journal', version: '1.0.0', components, logger }, clock);
});

afterEach(() => server.close());

/** Answers each question with its number. */
function numbered(): Answering {
  let count = 0;
  return () => ({ action: 'accept', content: { value: `#${++count}` } });
}

async function run(tool: string, answer: Answering): Promise<{ text: unknown; asked: unknown[]; peer: Peer }> {
  await using peer = await connectInMemory(server, { answer });
  const { taskId } = await startTask(peer.client, tool);
  const result = await peer.client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema);
  return {
    text: (result.content[0] as { text: string }).text,
    asked: told(peer, 'elicitation/create').map(({ params }) => params.message),
    peer,
  };
}

describe('an execution that is run again', () => {
  it('gets its answers back without asking', async () => {
    expect(await run('inTurn', numbered())).toMatchObject({ text: 'attempt 2: #1, #2', asked: ['One?', 'Two?'] });
  });

  it('gets each answer for its own question, in whatever order they are asked together', async () => {
    const echo: Answering = ({ message }) => ({ action: 'accept', content: { value: message.toLowerCase() } });
    expect(await run('together', echo)).toMatchObject({
      text: 'attempt 2: A? a?, B? b?, C? c?',
      asked: ['A?', 'B?', 'C?'],
    });
  });

  it('gets the answers to one repeated question in their order', async () => {
    expect(await run('again', numbered())).toMatchObject({
      text: 'attempt 2: #1, #2, #3',
      asked: ['Again?', 'Again?', 'Again?'],
    });
  });

  it('finds answers by the key of the author, even under another message', async () => {
    const { text, asked } = await run('keyed', numbered());
    expect(text).toBe('attempt 2: #1, #2');
    expect(asked).toEqual(['In attempt 1?', 'In attempt 1?']);
  });

  it('does not ask again what the deadline has answered', async () => {
    const passing: Promise<void>[] = [];
    const { text, asked } = await run('gaveUp', () => {
      passing.push(clock.advance(minute));
      return new Promise(() => undefined);
    });
    await Promise.all(passing);
    expect(text).toBe('attempt 2: cancel');
    expect(asked).toEqual(['Slow?']);
  });

  it('waits under the same id for what is still open', async () => {
    let open = (): void => undefined;
    const answer: Answering = ({ message }) => {
      if (message === 'First?') {
        setImmediate(() => open());
        return { action: 'decline' };
      }
      return new Promise((resolve) => {
        open = () => {
          const again = eventually(() => expect(attempts).toBe(2));
          resolve(again.then(() => ({ action: 'accept', content: { value: 'still here' } })));
        };
      });
    };
    const { text, peer } = await run('leavesOpen', answer);
    expect(text).toBe('still here');
    const prompts = told(peer, 'elicitation/create').map(({ params }) => params.message);
    expect(prompts).toEqual(['Still there?', 'First?']);
  });
});

describe('two identical questions at once', () => {
  it('are refused without keys', async () => {
    expect(await run('identical', numbered())).toMatchObject({ text: 'refused, #1', asked: ['Same?'] });
  });

  it('are two questions with keys', async () => {
    const { text, asked } = await run('identicalWithKeys', numbered());
    expect(text).toBe('#1, #2');
    expect(asked).toEqual(['Same?', 'Same?']);
  });
});
