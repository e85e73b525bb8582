import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import { z } from 'zod';
import { createServer, CurrentDocket, defineJob, defineTool, Logger, type ErrandServer } from '../../src/index.js';
import { eventually } from '../helpers/eventually.js';
import { connectInMemory } from '../helpers/transports.js';
import { rejection, request } from '../helpers/raw-calls.js';

let runs: string[];
let disposals: number;

class Fragile {}

const list = defineJob({ name: 'list', output: z.array(z.number()), run: () => [1, 2, 3] });
const other = defineJob({ name: 'other', run: () => 'other' });
const failing = defineJob({
  name: 'failing',
  run: () => {
    throw new Error('password=hunter2');
  },
});
const outer = defineJob({
  name: 'outer',
  inject: [CurrentDocket],
  retry: { attempts: 3, delay: 0 },
  run: async (_input, docket) => {
    runs.push('outer');
    return (await docket.add(failing)).result();
  },
});
const spills = defineJob({
  name: 'spills',
  inject: [Fragile],
  retry: { attempts: 3, delay: 0 },
  run: () => {
    runs.push('spills');
    return 'done';
  },
});
const adds = defineTool({
  name: 'adds',
  task: 'optional',
  inject: [CurrentDocket],
  run: async (_input, docket) => (await docket.add(failing, undefined, { key: 'nightly' })).key,
});

let server: ErrandServer;

beforeEach(() => {
  runs = [];
  disposals = 0;
  server = createServer({
    name: 'handles',
    version: '1.0.0',
    components: [list, other, failing, outer, spills, adds],
    providers: [
      {
        provide: Fragile,
        useFactory: () => new Fragile(),
        lifetime: 'call',
        dispose: () => {
          disposals++;
          throw new Error('broken pipe');
        },
      },
    ],
    logger: new Logger(() => undefined),
  });
});

afterEach(() => server.close());

describe('an execution', () => {
  it('hands out a result of its own each time', async () => {
    const execution = await server.docket.add(list, undefined, { key: 'k' });
    const result = await execution.result();
    result.push(99);
    expect(await execution.result()).toEqual([1, 2, 3]);
    expect(await (await server.docket.get('k'))?.result()).toEqual([1, 2, 3]);
  });

  it('is not taken for a later one under the same key', async () => {
    const first = await server.docket.add(other, undefined, { key: 'k', when: '1h' });
    expect(await first.cancel()).toBe(true);
    const second = await server.docket.add(other, undefined, { key: 'k', when: '1h' });
    for (const refused of [first.result(), first.state()]) {
      expect(await rejection(refused)).toMatchObject({ code: 'EXECUTION_REPLACED' });
    }
    expect(await first.cancel()).toBe(false);
    expect(await second.state()).toBe('scheduled');
  });

  it('is not given to who adds other work under its key', async () => {
    await server.docket.add(other, undefined, { key: 'k', when: '1h' });
    expect((await server.docket.add(other, undefined, { key: 'k' })).added).toBe(false);
    const refused = await rejection(server.docket.add(list, undefined, { key: 'k' }));
    expect(refused).toMatchObject({
      code: 'KEY_TAKEN',
      message: expect.stringContaining("'k' belongs to a live execution"),
    });
  });
});

describe('an attempt', () => {
  it('that succeeded is not repeated because disposal failed', async () => {
    const execution = await server.docket.add(spills);
    expect(await rejection(execution.result())).toMatchObject({
      code: 'EXECUTION_FAILED',
      cause: { code: 'DISPOSAL_FAILED' },
    });
    expect([runs, disposals]).toEqual([['spills'], 1]);
  });

  it('is repeated when the execution that it waited for failed', async () => {
    const execution = await server.docket.add(outer);
    expect(await rejection(execution.result())).toMatchObject({ code: 'EXECUTION_FAILED' });
    expect(runs).toEqual(['outer', 'outer', 'outer']);
  });
});

describe('a client', () => {
  it('sees its tasks, and nothing of the work that the program added for itself', async () => {
    await using peer = await connectInMemory(server);
    await request(peer.client, 'tools/call', { name: 'adds', arguments: {} });
    await eventually(async () => expect(await (await server.docket.get('nightly'))?.state()).toBe('failed'));
    expect(await request(peer.client, 'tasks/list')).toEqual({ tasks: [] });
    for (const method of ['tasks/get', 'tasks/result', 'tasks/cancel']) {
      expect(await rejection(request(peer.client, method, { taskId: 'nightly' }))).toMatchObject({ code: -32602 });
    }
  });

  it('is refused a request whose id is under way', async () => {
    const [ours, theirs] = InMemoryTransport.createLinkedPair();
    const answers: unknown[] = [];
    ours.onmessage = (message) => answers.push(message);
    await server.connect(theirs);
    const call = (id: number) =>
      ours.send({ jsonrpc: '2.0', id, method: 'tools/call', params: { name: 'adds', task: {} } });
    await Promise.all([call(1), call(1)]);
    await eventually(() =>
      expect(answers).toContainEqual(expect.objectContaining({ error: expect.objectContaining({ code: -32600 }) })),
    );
    await eventually(() =>
      expect(answers).toContainEqual(expect.objectContaining({ id: 1, result: expect.anything() })),
    );
    await ours.close();
  });
});
