import { afterEach, describe, expect, it } from '@jest/globals';
import {
  Context,
  CurrentAccessToken,
  CurrentHeaders,
  CurrentPrincipal,
  defineTool,
  inject,
  tool,
} from '../../src/index.js';
import { call, closeOpened, connect, modes, serverOf, textOf } from '../helpers/in-memory.js';
import { expectNoInjected } from '../helpers/no-injected.js';

afterEach(closeOpened);

const auth = {
  token: 'the-secret-token',
  clientId: 'app',
  scopes: ['read'],
  expiresAt: 4_000_000_000,
  extra: { iss: 'https://issuer.example', sub: 'ann', roles: ['admin'] },
};

class Tools {
  @tool({ task: 'optional' })
  who(
    ctx: Context,
    principal: CurrentPrincipal,
    headers: CurrentHeaders,
    @inject(CurrentAccessToken, { optional: true }) accessToken: CurrentAccessToken | undefined,
  ) {
    return {
      mode: ctx.mode,
      same: ctx.principal === principal,
      principal: { ...principal.facts, anonymous: principal.isAnonymous },
      headers: headers.entries(),
      token: accessToken === undefined ? 'none' : (JSON.parse(JSON.stringify(accessToken)) as object),
    };
  }
}

const needy = defineTool({
  name: 'needy',
  task: 'optional',
  inject: [CurrentAccessToken],
  run: (_input, accessToken) => accessToken.clientId,
});

describe.each(modes)('in the %s', (mode) => {
  it('who called is known from the access token [F6]', async () => {
    const client = await connect(serverOf({ components: [Tools] }).server, { auth });
    const { structuredContent } = await call(client, mode, 'who');
    expect(structuredContent).toEqual({
      mode,
      same: true,
      principal: { issuer: 'https://issuer.example', subject: 'ann', clientId: 'app', anonymous: false },
      headers: [],
      token: {
        clientId: 'app',
        scopes: ['read'],
        expiresAt: 4_000_000_000,
        claims: auth.extra,
        // Where it would have to be stored, the token itself is absent.
        ...(mode === 'foreground' && { token: 'the-secret-token' }),
      },
    });
  });

  it('without authorization everybody is anonymous, and there is no token', async () => {
    const client = await connect(serverOf({ components: [Tools] }).server);
    expect((await call(client, mode, 'who')).structuredContent).toEqual({
      mode,
      same: true,
      principal: { anonymous: true },
      headers: [],
      token: 'none',
    });
  });

  it('a token that a call needs is given, or asked for in clear words', async () => {
    const { server } = serverOf({ components: [needy] });
    expect(textOf(await call(await connect(server, { auth }), mode, 'needy'))).toBe('app');
    expect(await call(await connect(server), mode, 'needy')).toEqual({
      isError: true,
      content: [{ type: 'text', text: 'This call needs an access token, but the client sent none.' }],
    });
  });
});

describe('tasks', () => {
  it('of another principal look as if they did not exist, also in a list', async () => {
    const { server } = serverOf({ components: [Tools] });
    const ann = await connect(server, { auth });
    const bob = await connect(server, { auth: { ...auth, extra: { ...auth.extra, sub: 'bob' } } });
    await call(ann, 'background', 'who');
    const [task] = (await ann.experimental.tasks.listTasks()).tasks;
    expect((await bob.experimental.tasks.listTasks()).tasks).toEqual([]);
    const messages = [];
    for (const taskId of [task!.taskId, 'A'.repeat(32)]) {
      for (const request of ['getTask', 'cancelTask', 'getTaskResult'] as const) {
        const refused: unknown = await bob.experimental.tasks[request](taskId).catch((error: unknown) => error);
        messages.push((refused as Error).message.replace(taskId, 'ID'));
      }
    }
    expect(new Set(messages)).toEqual(
      new Set(["MCP error -32602: No execution has the key 'ID'. It was never added, or its record expired."]),
    );
  });
});

describe('tools/list', () => {
  it('shows nothing of who called', async () => {
    const client = await connect(serverOf({ components: [Tools, needy] }).server, { auth });
    expectNoInjected((await client.listTools()).tools);
  });
});
