import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import {
  Context,
  CurrentAccessToken,
  CurrentHeaders,
  CurrentPrincipal,
  defineTool,
  inject,
  tool,
} from '../../src/index.js';
import { eventually } from '../helpers/eventually.js';
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

  it('[A14] a token that expires while the call waits is seen as expired, and handed out no more', async () => {
    const expiresAt = Date.now() / 1_000 + 0.3;
    const late = defineTool({
      name: 'late',
      task: 'optional',
      inject: [CurrentAccessToken, Context],
      run: async (_input, access, ctx) => {
        const before = [access.token, access.isExpired];
        await ctx.elicit('Go on?', z.boolean());
        return { before, after: [access.token ?? 'none', access.isExpired], subject: access.claims['sub'] };
      },
    });
    const encryptionKeys = [randomBytes(32).toString('base64')];
    const { server } = serverOf({ components: [late], docket: { encryptionKeys } });
    const answer = async () => {
      await eventually(() => expect(Date.now() / 1_000).toBeGreaterThan(expiresAt));
      return { action: 'cancel' } as const;
    };
    const client = await connect(server, { auth: { ...auth, expiresAt }, answer });
    expect((await call(client, mode, 'late')).structuredContent).toEqual({
      before: ['the-secret-token', false],
      after: ['none', true],
      subject: 'ann',
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

describe('tools/list', () => {
  it('shows nothing of who called', async () => {
    const client = await connect(serverOf({ components: [Tools, needy] }).server, { auth });
    expectNoInjected((await client.listTools()).tools);
  });
});
