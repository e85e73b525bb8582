import { expect, it } from '@jest/globals';
import { eventually } from '../helpers/eventually.js';
import { request, startTask } from '../helpers/raw-calls.js';
import { openFixture } from '../helpers/transports.js';

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

it('keeps what a tool prints out of the protocol, and ends with its client', async () => {
  let pid: number;
  {
    await using peer = await openFixture('stdio', 'chatty');
    const errors: Error[] = [];
    peer.client.onerror = (error) => errors.push(error);
    const { content } = (await request(peer.client, 'tools/call', { name: 'chatty' })) as unknown as {
      content: [{ text: string }];
    };
    pid = Number(/^heard (\d+)$/.exec(content[0].text)?.[1]);
    expect(isAlive(pid)).toBe(true);
    expect(errors).toEqual([]);
  }
  await eventually(() => expect(isAlive(pid)).toBe(false));
});

it('ends with its client also while a task is under way', async () => {
  const peer = await openFixture('stdio', 'errands');
  const { pid } = peer.client.transport as unknown as { pid: number };
  await startTask(peer.client, 'forever');
  const start = performance.now();
  await peer[Symbol.asyncDispose]();
  // The stock client kills what has not ended by itself two seconds after its stdin was closed.
  expect(performance.now() - start).toBeLessThan(2_000);
  expect(isAlive(pid)).toBe(false);
});
