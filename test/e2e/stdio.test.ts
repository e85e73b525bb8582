import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, expect, it } from '@jest/globals';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { eventually } from '../helpers/eventually.js';
import { afterTest, closeOpened } from '../helpers/in-memory.js';
import { request, startTask } from '../helpers/raw-calls.js';
import { fixtureCommand } from '../helpers/transports.js';

afterEach(closeOpened);

/** A stock client of a server of `fixtures` in a process of its own. */
async function open(fixture: string): Promise<{ client: Client; child: ChildProcess; printed: string[] }> {
  const transport = new StdioClientTransport({ ...fixtureCommand(fixture), stderr: 'pipe' });
  const printed: string[] = [];
  transport.stderr?.on('data', (text: Buffer) => printed.push(text.toString()));
  const client = new Client({ name: 'stock', version: '1.0.0' });
  afterTest(() => client.close());
  await client.connect(transport);
  return { client, child: transport['_process'] as ChildProcess, printed };
}

/** Says goodbye as a client does. Not by closing the client, which kills a process that takes its time. */
async function leave(child: ChildProcess): Promise<unknown> {
  const exited = once(child, 'exit');
  child.stdin?.end();
  return exited;
}

const byItself = [0, null];

it('keeps the output of a tool out of the protocol, and exits with its client', async () => {
  const { client, child, printed } = await open('chatty');
  const errors: Error[] = [];
  client.onerror = (error) => errors.push(error);
  const { content } = await request(client, 'tools/call', { name: 'chatty' });
  expect(content).toEqual([{ type: 'text', text: `heard ${child.pid}` }]);
  await eventually(() => expect(printed.join('')).toContain('printed by a tool'));
  expect(errors).toEqual([]);
  expect(await leave(child)).toEqual(byItself);
});

it('exits with its client even while a task is running', async () => {
  const { client, child } = await open('errands');
  await startTask(client, 'forever');
  expect(await leave(child)).toEqual(byItself);
});
