import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import { ask, createServer, inject, param, token, tool, type ErrandServer } from '../../src/index.js';
import { eventually } from '../helpers/eventually.js';
import { request, startTask, told } from '../helpers/raw-calls.js';
import { connectInMemory, type Answering, type Peer } from '../helpers/transports.js';

const Where = z.object({ env: z.enum(['staging', 'production']) });

interface Connection {
  readonly name: string;
}
const Connection = token<Connection>('Connection');

/** What has happened, in order. */
let events: string[];

class Deployments {
  @tool({ task: 'optional' })
  deploy(
    @param('build', z.number().int()) build: number,
    @ask((input: { build: number }) => `Where does ${input.build} go?`, Where) where: z.infer<typeof Where>,
    @inject(Connection) connection: Connection,
    @ask('Sure?', z.boolean()) sure: boolean,
  ) {
    events.push('method');
    return `${build} to ${where.env} by ${connection.name}, sure: ${sure}`;
  }
}

let server: ErrandServer;

beforeEach(() => {
  events = [];
  server = createServer({
    name: 'asking',
    version: '1.0.0',
    components: [Deployments],
    providers: [
      {
        provide: Connection,
        useFactory: () => {
          events.push('connection');
          return { name: 'pool' };
        },
        lifetime: 'call',
      },
    ],
  });
});

afterEach(() => server.close());

const inForeground = ({ client }: Peer) => request(client, 'tools/call', { name: 'deploy', arguments: { build: 7 } });
const asTask = async ({ client }: Peer) => {
  const { taskId } = await startTask(client, 'deploy', { build: 7 });
  return client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema);
};

const agrees: Answering = ({ message }) => {
  events.push(message);
  const content: Record<string, string | boolean> = message === 'Sure?' ? { value: true } : { env: 'staging' };
  return { action: 'accept', content };
};

it('is stripped from the schema that clients see', async () => {
  await using peer = await connectInMemory(server);
  const { tools } = await peer.client.listTools();
  expect(tools[0]?.inputSchema).toMatchObject({ properties: { build: {} }, required: ['build'] });
  expect(Object.keys(tools[0]?.inputSchema.properties ?? {})).toEqual(['build']);
});

it('cannot be answered by an argument', async () => {
  await using peer = await connectInMemory(server, { answer: () => ({ action: 'decline' }) });
  const params = { name: 'deploy', arguments: { build: 7, where: { env: 'production' }, sure: true } };
  expect(await request(peer.client, 'tools/call', params)).toMatchObject({ isError: true });
  expect(told(peer, 'elicitation/create')).toHaveLength(2);
});

describe.each([
  ['in the foreground', inForeground],
  ['as a task', asTask],
])('a question as a parameter, %s', (_mode, call) => {
  it('is answered before anything of the call is built', async () => {
    await using peer = await connectInMemory(server, { answer: agrees });
    expect(await call(peer)).toMatchObject({
      content: [{ type: 'text', text: '7 to staging by pool, sure: true' }],
    });
    expect(events).toEqual(['Where does 7 go?', 'Sure?', 'connection', 'method']);
  });

  it('holds nothing while the user thinks', async () => {
    const thinking: (() => void)[] = [];
    const answer: Answering = (question, signal) =>
      new Promise((resolve) => thinking.push(() => resolve(agrees(question, signal))));
    await using peer = await connectInMemory(server, { answer });
    const calls = [call(peer), call(peer), call(peer)];
    await eventually(() => expect(thinking).toHaveLength(6));
    expect(events).toEqual([]);
    for (const answers of thinking) answers();
    await Promise.all(calls);
    expect(events.filter((event) => event === 'connection')).toHaveLength(3);
  });

  it.each(['decline', 'cancel'] as const)(
    'ends the call when the user chooses %s, and the method never runs',
    async (action) => {
      const answer: Answering = (question, signal) =>
        question.message === 'Sure?' ? { action } : agrees(question, signal);
      await using peer = await connectInMemory(server, { answer });
      expect(await call(peer)).toMatchObject({
        content: [{ type: 'text', text: `"Sure?" was answered with ${action}, so deploy did not run.` }],
        isError: true,
      });
      expect(events).not.toContain('connection');
      expect(events).not.toContain('method');
    },
  );

  it('is an error at once for a client that cannot be asked', async () => {
    await using peer = await connectInMemory(server);
    expect(await call(peer)).toMatchObject({
      content: [{ text: expect.stringMatching(/did not declare the capability 'elicitation'/) }],
      isError: true,
    });
    expect(events).toEqual([]);
  });
});
