import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { restoreSnapshot } from '../../src/call/snapshot.js';
import { createServer, defineTool, Logger, type ErrandServer } from '../../src/index.js';
import { eventually } from '../helpers/eventually.js';

/** Runs until it is ended: what has ended forgets its client. */
const errand = defineTool({
  name: 'errand',
  task: 'optional',
  inject: [AbortSignal],
  run: (_input, signal) => new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve())),
});

let server: ErrandServer;

beforeEach(() => {
  const logger = new Logger(() => undefined);
  server = createServer({ name: 'versions', version: '1.0.0', components: [errand], logger });
});

afterEach(() => server.close());

type Ask = (message: Record<string, unknown>) => Promise<string>;

/** Sends messages as they are written and gives what was answered, as text. */
const wires: Record<string, () => Promise<Ask>> = {
  'in memory': async () => {
    const [near, far] = InMemoryTransport.createLinkedPair();
    await server.connect(far);
    const received: JSONRPCMessage[] = [];
    near.onmessage = (message) => received.push(message);
    await near.start();
    return async (message) => {
      await near.send({ jsonrpc: '2.0', ...message } as JSONRPCMessage);
      return eventually(() => {
        const answer = received.find((each) => 'id' in each && each.id === message.id);
        expect(answer).toBeDefined();
        return JSON.stringify(answer);
      });
    };
  },
  'in a session over HTTP': async () => askOver((await server.listen()).url),
  'over HTTP without sessions': async () => askOver((await server.listen({ stateless: true })).url),
};

function askOver(url: string): Ask {
  let session: string | null = null;
  return async (message) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        accept: 'application/json, text/event-stream',
        'content-type': 'application/json',
        ...(session !== null && { 'mcp-session-id': session }),
      },
      body: JSON.stringify({ jsonrpc: '2.0', ...message }),
    });
    session ??= response.headers.get('mcp-session-id');
    return response.text();
  };
}

it.each(
  Object.keys(wires).flatMap((wire) => [
    [wire, '2025-06-18', '2025-06-18'],
    [wire, '1999-01-01', '2025-11-25'],
  ]),
)('a task made %s by a client that speaks %s remembers %s', async (wire, asked, negotiated) => {
  const ask = await wires[wire]!();
  const clientInfo = { name: 'raw', version: '1' };
  const params = { protocolVersion: asked, capabilities: {}, clientInfo };
  expect(await ask({ id: 1, method: 'initialize', params })).toContain(`"protocolVersion":"${negotiated}"`);
  const made = await ask({ id: 2, method: 'tools/call', params: { name: 'errand', task: {} } });
  const taskId = /"taskId":"([\w-]+)"/.exec(made)![1]!;
  const { engine } = await server['start']();
  const record = await engine!.get(taskId);
  expect(restoreSnapshot(record?.snapshot).client).toMatchObject({ protocolVersion: negotiated, info: clientInfo });
});
