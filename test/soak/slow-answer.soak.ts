import { afterEach, describe, expect, it } from '@jest/globals';
import type { ElicitResult } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import { connect } from '../../src/client/connect.js';
import type { ElicitHandler } from '../../src/client/questions.js';
import { Context, createServer, defineTool, Logger, type DocketOptions, type ErrandServer } from '../../src/index.js';
import { impatientResult } from '../helpers/impatient.js';
import { startTask } from '../helpers/raw-calls.js';
import { TestDocket } from '../helpers/redis.js';
import { RoundRobin } from '../helpers/round-robin.js';
import { connectHttp } from '../helpers/transports.js';

/** How long a person thinks, in milliseconds: longer than any request of a stock client waits. */
const thinking = 70_000;
const minute = 60_000;

const ask = defineTool({
  name: 'ask',
  task: 'optional',
  inject: [Context],
  run: async (_input, ctx) => {
    const answer = await ctx.elicit('Sure?', z.boolean());
    return answer.action === 'accept' ? `said ${answer.content}` : answer.action;
  },
});
const saidTrue = { content: [{ type: 'text', text: 'said true' }] };

/** A person who thinks, and counts how often they are asked. */
function thinker(): { asked: number; answer: () => Promise<ElicitResult> } {
  const self = {
    asked: 0,
    answer: async (): Promise<ElicitResult> => {
      self.asked++;
      await new Promise((resolve) => setTimeout(resolve, thinking));
      return { action: 'accept', content: { value: true } };
    },
  };
  return self;
}

const opened: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

function node(docket: DocketOptions = {}): ErrandServer {
  const logger = new Logger(() => undefined);
  const server = createServer({ name: 'slow', version: '1.0.0', components: [ask], docket, logger });
  opened.push(() => server.close());
  return server;
}

const places: Record<string, () => Promise<string>> = {
  'one process': async () => (await node().listen()).url,
  'two listeners without sessions': async () => {
    const server = node();
    const listeners = [await server.listen({ stateless: true }), await server.listen({ stateless: true })];
    return balanced(listeners.map(({ url }) => url));
  },
  'two nodes on one Redis': async () => {
    const docket = new TestDocket();
    opened.push(() => docket.dispose());
    const nodes = [1, 2].map(() => node({ url: docket.url, name: docket.name }));
    return balanced(await Promise.all(nodes.map(async (each) => (await each.listen()).url)));
  },
};

async function balanced(urls: string[]): Promise<string> {
  const proxy = await RoundRobin.of(urls);
  opened.push(async () => proxy[Symbol.asyncDispose]());
  return proxy.url.href;
}

describe.each(Object.entries(places))('whoever thinks for 70 seconds, over HTTP to %s,', (_where, open) => {
  it('answers with errand/client and with a stock client, each asked once [A1]', async () => {
    const url = await open();
    const [ours, stock] = [thinker(), thinker()];
    const client = await connect(url, { onElicit: ours.answer as ElicitHandler });
    opened.push(() => client.close());
    const peer = await connectHttp(url, { answer: stock.answer });
    opened.push(() => peer.client.close());
    const task = await client.callTool('ask', {}, { task: true });
    const { taskId } = await startTask(peer.client, 'ask');
    const results = [task.result(), impatientResult(peer.client, taskId, minute)];
    for (const result of await Promise.all(results)) expect(result).toMatchObject(saidTrue);
    expect([ours.asked, stock.asked]).toEqual([1, 1]);
  });
});

it('whoever thinks for 70 seconds about a call in the foreground answers it, however short its timeout [A1]', async () => {
  const url = await places['two nodes on one Redis']!();
  const person = thinker();
  const client = await connect(url, { onElicit: person.answer as ElicitHandler });
  opened.push(() => client.close());
  expect(await client.callTool('ask', {}, { timeout: 5_000 })).toMatchObject(saidTrue);
  expect(person.asked).toBe(1);
});
