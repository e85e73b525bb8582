import { afterEach, describe, expect, it } from '@jest/globals';
import { Context, defineJob, defineTool, type ErrandServer } from '../../src/index.js';
import { answering, connectAsked, connectAskedOverHttp, home, mute, refusing } from '../helpers/asked-client.js';
import { clockedServer } from '../helpers/clocked-server.js';
import { eventually } from '../helpers/eventually.js';
import { call, closeOpened, modes, serverOf, textOf } from '../helpers/in-memory.js';

const roots = defineTool({
  name: 'roots',
  task: 'optional',
  inject: [Context],
  run: async (_input, ctx) => ctx.listRoots({ deadline: '1m' }),
});

const components = [roots];

const server = (): ErrandServer => serverOf({ components }).server;

afterEach(closeOpened);

describe.each(modes)('the roots of the client, in the %s', (mode) => {
  it('are what it says', async () => {
    const { client, asked } = await connectAsked(server(), answering({ roots: [home, { uri: 'file:///etc' }] }));
    const result = await call(client, mode, 'roots');
    expect(result.structuredContent).toEqual({ result: [home, { uri: 'file:///etc' }] });
    expect(asked).toEqual([{ method: 'roots/list', params: {} }]);
  });

  it('are none where it did not declare any', async () => {
    const { client, asked } = await connectAsked(server(), { capabilities: { sampling: {} } });
    expect(textOf(await call(client, mode, 'roots'))).toBe(
      "This call needs the client's roots, but the client 'asked' did not declare the capability 'roots'.",
    );
    expect(asked).toEqual([]);
  });

  it('end the call when it answers an error', async () => {
    const { client } = await connectAsked(server(), refusing(-32601, 'Roots not supported'));
    expect(textOf(await call(client, mode, 'roots'))).toBe(
      'The client answered the request for its roots with error -32601: Roots not supported',
    );
  });

  it.each([
    ['nothing', {}],
    ['one root', { roots: home }],
    ['what is no file', { roots: [{ uri: 'https://example.com' }] }],
  ])('end the call when it answers %s', async (_what, answer) => {
    const { client } = await connectAsked(server(), answering(answer));
    const result = await call(client, mode, 'roots');
    expect(result).toMatchObject({ isError: true });
    expect(textOf(result)).toMatch(/^The client answered the request for its roots with an invalid result: /);
  });

  it('end the call when it does not answer before the deadline', async () => {
    const { server: slow, clock } = clockedServer(components);
    const { client, asked } = await connectAsked(slow, mute());
    const result = call(client, mode, 'roots');
    await eventually(() => expect(asked).toHaveLength(1));
    await clock.advance(60_000);
    expect(textOf(await result)).toBe('The client did not answer the request for its roots within 60000 ms.');
  });

  it('are asked for on the stream of the call over HTTP', async () => {
    const { client } = await connectAskedOverHttp(server(), answering({ roots: [home] }));
    expect((await call(client, mode, 'roots')).structuredContent).toEqual({ result: [home] });
  });
});

describe('a job', () => {
  it('has no model, no roots and nobody to send to a URL', async () => {
    const codes: unknown[] = [];
    const lonely = defineJob({
      name: 'lonely',
      inject: [Context],
      run: async (_input, ctx) => {
        const tries = [
          ctx.sample('Hello'),
          ctx.listRoots(),
          ctx.elicitUrl('Go', 'https://a.b'),
          ctx.elicitationComplete('x'),
        ];
        for (const tried of await Promise.allSettled(tries)) {
          codes.push(tried.status === 'rejected' ? (tried.reason as { code: string }).code : tried.status);
        }
      },
    });
    const { server: tested } = serverOf({ components: [lonely] });
    const execution = await tested.docket.add(lonely);
    await execution.result();
    expect(codes).toEqual(['NO_CLIENT', 'NO_CLIENT', 'NO_CLIENT', 'NO_CLIENT']);
  });
});
