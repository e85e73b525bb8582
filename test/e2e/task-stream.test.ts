import { describe, expect, it } from '@jest/globals';
import { CallToolResultSchema, type Progress } from '@modelcontextprotocol/sdk/types.js';
import { openFixture, wires, type Peer } from '../helpers/transports.js';

/** Drives a tool to its end as a stock client does, and gives what the stream said. */
async function drive(peer: Peer, name: string, args: Record<string, unknown> = {}) {
  const progress: Progress[] = [];
  const events = [];
  await peer.client.listTools();
  const stream = peer.client.experimental.tasks.callToolStream({ name, arguments: args }, undefined, {
    onprogress: (each) => void progress.push(each),
    task: { ttl: 60_000 },
  });
  for await (const event of stream) events.push(event);
  return { events, progress };
}

describe.each(wires)('a stock client with callToolStream, %s', (wire) => {
  it('drives a background tool with a question to its end', async () => {
    const asked: string[] = [];
    await using peer = await openFixture(wire, 'errands', {
      answer: ({ message }) => {
        asked.push(message);
        return { action: 'accept', content: { smoking: false } };
      },
    });
    const { events, progress } = await drive(peer, 'book', { guests: 4 });

    expect(events[0]).toMatchObject({ type: 'taskCreated', task: { status: 'working', ttl: 60_000 } });
    const { taskId } = (events[0] as { task: { taskId: string } }).task;
    expect(events.at(-1)).toEqual({
      type: 'result',
      result: {
        content: [{ type: 'text', text: 'booked, smoking: false' }],
        _meta: { 'io.modelcontextprotocol/related-task': { taskId } },
      },
    });
    expect(asked).toEqual(['A table for 4?']);
    const _meta = { 'io.modelcontextprotocol/related-task': { taskId } };
    expect(progress).toEqual([0, 0.5, 2].map((each) => ({ progress: each, total: 2, _meta })));
  });

  it('learns of a failure', async () => {
    await using peer = await openFixture(wire, 'errands');
    const { events } = await drive(peer, 'refuse');
    expect(events.at(-1)).toMatchObject({ type: 'error' });
    const { taskId } = (events[0] as { task: { taskId: string } }).task;
    expect(await peer.client.experimental.tasks.getTaskResult(taskId, CallToolResultSchema)).toMatchObject({
      isError: true,
      content: [{ type: 'text', text: 'closed on Mondays' }],
    });
  });

  it('calls in the foreground with the same question', async () => {
    await using peer = await openFixture(wire, 'errands', { answer: () => ({ action: 'decline' }) });
    const result = await peer.client.callTool({ name: 'book', arguments: { guests: 2 } });
    expect(result.content).toEqual([{ type: 'text', text: 'not booked: decline' }]);
  });
});
