import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { CurrentDocket, createServer, defineJob, defineTool, job, Logger, type ErrandServer } from '../../src/index.js';
import { connect } from '../../src/client/index.js';
import { eventually } from '../helpers/eventually.js';
import { TestDocket } from '../helpers/redis.js';
import { rejectionOf } from '../helpers/thrown.js';

/** What the calls of a test have done. */
const seen: string[] = [];
let open = (): void => undefined;
let opened = Promise.resolve();

class Reminders {
  @job({ input: z.object({ text: z.string() }), priority: 2 })
  async remind({ text }: { text: string }, signal: AbortSignal) {
    seen.push(`begins ${text}`);
    signal.addEventListener('abort', () => seen.push(`${text}: ${(signal.reason as Error).message}`));
    if (text === 'slow') await opened;
    return text;
  }
}

const other = defineJob({ name: 'other', run: () => 'other' });
const urgent = defineJob({ name: 'urgent', run: () => void seen.push('urgent') });
const held = defineTool({ name: 'held', task: true, inject: [AbortSignal], run: () => opened });
const taskKey = defineTool({
  name: 'replaceTask',
  input: z.object({ key: z.string() }),
  inject: [CurrentDocket],
  run: ({ key }, docket) =>
    docket.replace(held, undefined, { key }).then(String, (error: unknown) => (error as { code: string }).code),
});

describe.each(['memory', 'redis'])('docket.replace on %s', (engine) => {
  let docket: TestDocket | undefined;
  let server: ErrandServer;

  beforeEach(() => {
    seen.length = 0;
    opened = new Promise((resolve) => (open = resolve));
    docket = engine === 'redis' ? new TestDocket() : undefined;
    server = createServer({
      name: 'reminders',
      version: '1.0.0',
      components: [Reminders, other, urgent, held, taskKey],
      docket: { concurrency: 1, ...(docket && { url: docket.url, name: docket.name }) },
      logger: new Logger(() => undefined),
    });
  });
  afterEach(async () => {
    open();
    await server.close();
    await docket?.dispose();
  });

  it('moves a call that waits, whose handle says so', async () => {
    const first = await server.docket.add(Reminders, 'remind', { text: 'one' }, { key: 'k', when: '1h' });
    const waiting = rejectionOf(first.result());
    const second = await server.docket.replace(Reminders, 'remind', { text: 'two' }, { key: 'k' });
    expect(second.added).toBe(true);
    expect(await second.result()).toBe('two');
    for (const refused of [waiting, rejectionOf(first.state()), rejectionOf(first.progress())]) {
      expect(await refused).toMatchObject({ code: 'EXECUTION_REPLACED' });
    }
    expect(await first.cancel()).toBe(false);
    expect(seen).toEqual(['begins two']);
  });

  it('cancels a call that runs, and the new one takes its place', async () => {
    const first = await server.docket.replace(Reminders, 'remind', { text: 'slow' }, { key: 'k' });
    await eventually(() => expect(seen).toEqual(['begins slow']));
    const second = await server.docket.replace(Reminders, 'remind', { text: 'quick' }, { key: 'k' });
    expect(await rejectionOf(first.result())).toMatchObject({ code: 'EXECUTION_REPLACED' });
    await eventually(() => expect(seen[1]).toBe('slow: The call was replaced by a newer one with its key.'));
    open();
    expect(await second.result()).toBe('quick');
  });

  it('refuses the key of something else, of a task, and none at all', async () => {
    await server.docket.add(other, undefined, { key: 'k', when: '1h' });
    const taken = await rejectionOf(server.docket.replace(Reminders, 'remind', { text: 'x' }, { key: 'k' }));
    expect(taken).toMatchObject({
      code: 'KEY_TAKEN',
      message: expect.stringContaining("docket.replace: the key 'k' belongs to a live execution of another component"),
    });
    expect(await rejectionOf(server.docket.replace(other, undefined, {} as { key: string }))).toMatchObject({
      code: 'OPTIONS_INVALID',
      message: 'docket.replace: key is undefined. Give a string of 1 to 512 whole characters.',
    });
    const client = await connect(server);
    const task = await client.callTool('held', {}, { task: true });
    const answer = await client.callTool('replaceTask', { key: task.taskId });
    expect(answer.content).toMatchObject([{ text: 'KEY_TAKEN' }]);
    expect((await task.status()).status).toBe('working');
    await client.close();
  });

  it('and add take a priority, which wins over that of the component', async () => {
    for (const priority of [-1, 1.5, 2 ** 21, NaN, '1' as unknown as number]) {
      expect(await rejectionOf(server.docket.add(other, undefined, { priority }))).toMatchObject({
        code: 'OPTIONS_INVALID',
      });
    }
    await server.docket.add(Reminders, 'remind', { text: 'slow' });
    await eventually(() => expect(seen).toEqual(['begins slow']));
    const last = await server.docket.add(Reminders, 'remind', { text: 'of the component' });
    await server.docket.add(Reminders, 'remind', { text: 'before it' }, { priority: 1 });
    await server.docket.replace(Reminders, 'remind', { text: 'before all' }, { priority: 0, key: 'k' });
    await server.docket.add(urgent);
    open();
    await last.result();
    expect(seen.slice(1)).toEqual(['begins before all', 'urgent', 'begins before it', 'begins of the component']);
  });
});

it('refuses a component with a priority that is none', () => {
  const wrong = defineJob({ name: 'wrong', priority: -1, run: () => undefined });
  expect(() => createServer({ name: 'x', version: '1', components: [wrong] })).toThrow(
    'wrong: priority is -1. Give a whole number from 0 (first) to 2097151.',
  );
});
