import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CallToolResultSchema, type JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';
import { Context, createServer, defineTool, Logger, type ErrandServer } from '../../src/index.js';
import { startTask, told, untilStatus, untilTold } from '../helpers/raw-calls.js';
import { connectInMemory, type Peer } from '../helpers/transports.js';

/** Asks before its client can have read which task it is. */
const hasty = defineTool({
  name: 'hasty',
  task: 'optional',
  inject: [Context],
  run: async (_input, ctx) => (await ctx.elicit('Now?', z.boolean())).action,
});

let server: ErrandServer;
let peer: Peer;
/** Lets the client read the pings that came, and those that come. */
let readPings: () => void;

beforeEach(async () => {
  const logger = new Logger(() => undefined);
  server = createServer({ name: 'early', version: '1.0.0', components: [hasty], logger });
  peer = await connectInMemory(server, { answer: () => ({ action: 'decline' }) });
  const transport = peer.client.transport!;
  const receive = transport.onmessage!;
  const pings: JSONRPCMessage[] = [];
  let reads = false;
  transport.onmessage = (message, extra) => {
    if (!reads && 'method' in message && message.method === 'ping') pings.push(message);
    else receive(message, extra);
  };
  readPings = () => {
    reads = true;
    for (const ping of pings) receive(ping);
  };
});

afterEach(async () => {
  await peer[Symbol.asyncDispose]();
  await server.close();
});

const asked = 'elicitation/create';

describe('the first question of a task, where there is one stream for everything', () => {
  it('waits until the client has read which task it is', async () => {
    const { taskId } = await startTask(peer.client, 'hasty');
    await untilStatus(peer.client, taskId, 'input_required');
    expect(told(peer, asked)).toEqual([]);
    readPings();
    await untilTold(peer, asked, 1);
    await untilStatus(peer.client, taskId, 'completed');
  });

  it('does not wait when the client waits for the result', async () => {
    const { taskId } = await startTask(peer.client, 'hasty');
    const { content } = await peer.client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema);
    expect(content).toEqual([{ type: 'text', text: 'decline' }]);
    // The server has not given up on its ping.
    expect(told(peer, 'notifications/cancelled')).toEqual([]);
  });

  it('comes also to a client that answers no ping', async () => {
    const { taskId } = await startTask(peer.client, 'hasty');
    await untilStatus(peer.client, taskId, 'completed');
    expect(told(peer, asked)).toHaveLength(1);
  });
});
