import { ErrorCode } from '@modelcontextprotocol/sdk/types.js';
import { afterEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { Context, defineTool, param, tool } from '../../src/index.js';
import { call, closeOpened, connect, modes, serverOf, textOf } from '../helpers/in-memory.js';

afterEach(closeOpened);

const isoDate = z.codec(z.iso.datetime(), z.date(), {
  decode: (text) => new Date(text),
  encode: (date) => date.toISOString(),
});
const Order = z.object({ id: z.number().int(), lines: z.array(z.object({ sku: z.string().min(2) })) });
const Unlike = z
  .object({ a: z.string(), b: z.string() })
  .refine(async ({ a, b }) => Promise.resolve(a !== b), { error: 'must differ', path: ['b'] });
const Payment = z.discriminatedUnion('by', [
  z.object({ by: z.literal('card'), number: z.string() }),
  z.object({ by: z.literal('invoice'), due: isoDate }),
]);

class Tools {
  @tool({ input: Order, task: 'optional' })
  order(order: z.infer<typeof Order>) {
    return order;
  }

  @tool({ task: 'optional' })
  greet(
    ctx: Context,
    @param('name', z.string()) name: string,
    @param('times', z.number().int().default(2)) times: number,
    @param('mark', z.string().optional()) mark?: string,
  ) {
    return { component: ctx.component, said: Array<string>(times).fill(name), mark: mark ?? 'none' };
  }

  @tool({ input: Unlike, task: 'optional' })
  unlike(both: z.infer<typeof Unlike>) {
    return both;
  }

  @tool({ input: Payment, task: 'optional' })
  pay(payment: z.infer<typeof Payment>) {
    return payment.by === 'invoice' ? `${payment.due instanceof Date} ${payment.due.getTime()}` : payment.number;
  }
}

const shout = defineTool({
  name: 'shout',
  input: z.object({ text: z.string().transform((given) => given.toUpperCase()) }),
  task: 'optional',
  run: ({ text }) => text,
});
const components = [Tools, shout];

describe.each([
  ['order', { id: 1.5, lines: [] }, 'id: '],
  ['order', { id: 1, lines: [{ sku: 'ok' }, { sku: 'x' }] }, 'lines.1.sku: '],
  ['order', {}, 'id: '],
  ['greet', { times: 1 }, 'name: '],
  ['greet', { name: 5 }, 'name: '],
  ['greet', { name: 'Ann', times: 'often' }, 'times: '],
  ['unlike', { a: 'x', b: 'x' }, 'b: must differ'],
  ['pay', { by: 'barter' }, 'by: '],
  ['pay', { by: 'invoice', due: 'tomorrow' }, 'due: '],
  ['shout', { text: null }, 'text: '],
])('wrong arguments of %s: %j', (name, args, field) => {
  it('are an unsuccessful result in the foreground, which names the field', async () => {
    const client = await connect(serverOf({ components }).server);
    const result = await call(client, 'foreground', name, args);
    expect(result.isError).toBe(true);
    expect(textOf(result)).toMatch(`Invalid arguments for tool '${name}': `);
    expect(textOf(result)).toContain(field);
  });

  it('are -32602 as a task, and no task is left [F11]', async () => {
    const client = await connect(serverOf({ components }).server);
    await expect(call(client, 'background', name, args)).rejects.toMatchObject({
      code: ErrorCode.InvalidParams,
      message: expect.stringContaining(field),
    });
    expect((await client.experimental.tasks.listTasks()).tasks).toEqual([]);
  });
});

describe.each(modes)('in the %s', (mode) => {
  it('the whole input arrives validated [F11]', async () => {
    const client = await connect(serverOf({ components }).server);
    const { structuredContent } = await call(client, mode, 'order', {
      id: 7,
      lines: [{ sku: 'ab', more: 1 }],
      more: 2,
    });
    expect(structuredContent).toEqual({ id: 7, lines: [{ sku: 'ab' }] });
  });

  it('arguments arrive by name, with defaults, and optional ones may be missing', async () => {
    const client = await connect(serverOf({ components }).server);
    expect((await call(client, mode, 'greet', { name: 'Ann' })).structuredContent).toEqual({
      component: 'greet',
      said: ['Ann', 'Ann'],
      mark: 'none',
    });
    expect((await call(client, mode, 'greet', { name: 'Bob', times: 1, mark: '!' })).structuredContent).toEqual({
      component: 'greet',
      said: ['Bob'],
      mark: '!',
    });
  });

  it('asynchronous refinements are awaited', async () => {
    const client = await connect(serverOf({ components }).server);
    expect((await call(client, mode, 'unlike', { a: 'x', b: 'y' })).structuredContent).toEqual({ a: 'x', b: 'y' });
  });

  it('codecs and transforms are applied once', async () => {
    const client = await connect(serverOf({ components }).server);
    const due = '2026-11-20T10:00:00.000Z';
    expect(textOf(await call(client, mode, 'pay', { by: 'invoice', due }))).toBe(`true ${Date.parse(due)}`);
    expect(textOf(await call(client, mode, 'shout', { text: 'hey' }))).toBe('HEY');
  });

  it('a refinement that throws ends the call like any other unexpected error', async () => {
    const broken = z.object({ a: z.string() }).refine(() => {
      throw new TypeError('secret');
    });
    const { server, log } = serverOf({
      components: [defineTool({ name: 'broken', input: broken, task: 'optional', run: () => '' })],
    });
    const client = await connect(server);
    const answer = await call(client, mode, 'broken', { a: '' }).then(
      (result) => ({ isError: result.isError, text: textOf(result) }),
      (error: unknown) => ({ isError: true, text: (error as Error).message }),
    );
    expect(answer.isError).toBe(true);
    expect(answer.text).not.toContain('secret');
    expect(log.filter(({ level }) => level === 'error').map(({ fields }) => fields.error)).toMatchObject([
      { message: 'secret' },
    ]);
  });
});

describe('tools/call', () => {
  it.each(['', 'nothing', 'Tools.order', 'toString', '__proto__', 'constructor'])(
    'refuses the unknown tool %p with -32602',
    async (name) => {
      const client = await connect(serverOf({ components }).server);
      await expect(call(client, 'foreground', name)).rejects.toMatchObject({ code: ErrorCode.InvalidParams });
    },
  );
});
