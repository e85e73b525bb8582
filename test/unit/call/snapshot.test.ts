import { describe, expect, it } from '@jest/globals';
import type { Caller } from '../../../src/call/frame.js';
import { accessTokenOf, anonymous, CurrentHeaders, principalOf } from '../../../src/call/principal.js';
import { restoreSnapshot, takeSnapshot, type SnapshotClient } from '../../../src/call/snapshot.js';
import { rejectionOf } from '../../helpers/thrown.js';

const auth = {
  token: 'the-secret-token',
  clientId: 'app',
  scopes: ['read', 'write'],
  expiresAt: 4_000_000_000,
  extra: { iss: 'https://issuer.example', sub: 'ann', roles: ['admin'], since: new Date(0) },
};
const allowed = {
  headers: new Set(['x-request-id', 'authorization', 'cookie', 'proxy-authorization']),
  sealed: false,
};
const client: SnapshotClient = {
  capabilities: { elicitation: {}, experimental: { x: { y: 1 } } },
  info: { name: 'c', version: '1', title: 'C' },
  protocolVersion: '2025-11-25',
  progressToken: 0,
  requestId: 'r-1',
  sessionId: 's',
};

function callerWith(headers: Record<string, string | string[]> = {}): Caller {
  return { principal: principalOf(auth), accessToken: accessTokenOf(auth)!, headers: new CurrentHeaders(headers) };
}

/** What a worker in another process reads. */
const elsewhere = (snapshot: unknown): never => JSON.parse(JSON.stringify(snapshot)) as never;

describe('a snapshot', () => {
  it('restores the caller and the client', () => {
    const caller = callerWith({ 'X-Request-Id': '42' });
    const restored = restoreSnapshot(elsewhere(takeSnapshot(caller, allowed, client)));
    expect(restored.caller.principal).toEqual(caller.principal);
    expect(restored.caller.principal.facts).toEqual({
      issuer: 'https://issuer.example',
      subject: 'ann',
      clientId: 'app',
    });
    expect(restored.caller.headers.get('x-request-id')).toBe('42');
    expect(restored.client).toEqual(client);
    expect(restored.caller.accessToken).toMatchObject({
      clientId: 'app',
      scopes: ['read', 'write'],
      expiresAt: 4_000_000_000,
      claims: { sub: 'ann', roles: ['admin'] },
    });
  });

  it('of an anonymous caller without travelling headers is undefined, and restored as such', () => {
    const headers = new CurrentHeaders({ cookie: 'a' });
    expect(takeSnapshot({ principal: anonymous, headers }, allowed)).toBeUndefined();
    expect(restoreSnapshot(undefined).caller.principal).toBe(anonymous);
    const told = new CurrentHeaders({ 'x-request-id': '42' });
    expect(takeSnapshot({ principal: anonymous, headers: told }, allowed)).toMatchObject({
      headers: { 'x-request-id': '42' },
    });
    expect(takeSnapshot({ principal: anonymous, headers }, allowed, client)).toMatchObject({ client });
  });

  it('is the same with and without a round trip through JSON, so that memory and Redis restore alike', () => {
    const taken = takeSnapshot(callerWith(), allowed, client);
    expect(restoreSnapshot(taken)).toEqual(restoreSnapshot(elsewhere(taken)));
  });

  it('never holds the token or secret headers, even if they are allowed [F20]', () => {
    const headers = {
      Authorization: 'Bearer the-secret-token',
      COOKIE: 'session=the-secret-cookie',
      'Proxy-Authorization': 'the-secret-proxy',
      'X-Request-Id': '42',
    };
    const text = JSON.stringify(takeSnapshot(callerWith(headers), allowed, client));
    expect(text).not.toMatch(/secret/);
    expect(text).toContain('42');
    expect(restoreSnapshot(elsewhere(JSON.parse(text))).caller.accessToken?.token).toBeUndefined();
  });

  it('holds the token if it is sealed, so that a worker can act on behalf of its user', () => {
    const taken = takeSnapshot(callerWith(), { ...allowed, sealed: true }, client);
    expect(restoreSnapshot(elsewhere(taken)).caller.accessToken?.token).toBe('the-secret-token');
  });

  it('[A14] tells a token that has expired from one that is absent, and holds the expired one back', () => {
    const restore = (expiresAt: number | undefined) => {
      const accessToken = accessTokenOf({ ...auth, ...(expiresAt === undefined ? {} : { expiresAt }) })!;
      const taken = takeSnapshot({ ...callerWith(), accessToken }, { ...allowed, sealed: true }, client);
      return restoreSnapshot(elsewhere(taken)).caller.accessToken!;
    };
    const now = Math.floor(Date.now() / 1_000);
    expect(restore(now - 1)).toMatchObject({ token: undefined, isExpired: true, expiresAt: now - 1, clientId: 'app' });
    expect(restore(now + 60)).toMatchObject({ token: 'the-secret-token', isExpired: false });
  });

  it('holds no header that is not allowed [F20]', () => {
    const taken = takeSnapshot(callerWith({ 'x-other': 'x', 'x-request-id': '42' }), {
      headers: new Set(['x-request-id']),
      sealed: false,
    });
    expect(restoreSnapshot(taken).caller.headers.entries()).toEqual([['x-request-id', '42']]);
  });

  it('of an execution that no client asked for has no client', () => {
    expect(restoreSnapshot(takeSnapshot({ principal: anonymous, headers: new CurrentHeaders() }, allowed))).toEqual({
      caller: { principal: anonymous, headers: new CurrentHeaders() },
    });
  });

  it('that is missing restores an anonymous caller', () => {
    expect(restoreSnapshot(undefined).caller.principal.isAnonymous).toBe(true);
  });

  it.each([
    ['another version', { ...(takeSnapshot(callerWith(), allowed) as object), version: 2 }],
    ['no version', { principal: { id: 'anonymous', facts: {} }, headers: {} }],
    ['something else', 'x'],
    ['null', null],
  ])('of %s fails rather than run with half of it', async (_what, stored) => {
    expect(() => restoreSnapshot(stored as never)).toThrow();
  });

  it('with claims that are not JSON fails when it is taken', async () => {
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    const accessToken = accessTokenOf({ ...auth, extra: circle })!;
    const refusal = await rejectionOf((async () => takeSnapshot({ ...callerWith(), accessToken }, allowed, client))());
    expect(refusal.code).toBe('RESULT_NOT_JSON');
  });
});

describe('a principal', () => {
  it('is the same for the same issuer, subject and client, whatever the token', () => {
    expect(principalOf({ ...auth, token: 'other', scopes: [] }).id).toBe(principalOf(auth).id);
  });

  it.each([
    ['issuer', { ...auth, extra: { ...auth.extra, iss: 'https://other.example' } }],
    ['subject', { ...auth, extra: { ...auth.extra, sub: 'bob' } }],
    ['client', { ...auth, clientId: 'other' }],
    ['no subject', { ...auth, extra: { iss: auth.extra.iss } }],
  ])('is another one for another %s', (_what, other) => {
    expect(principalOf(other).id).not.toBe(principalOf(auth).id);
    expect(principalOf(other).isAnonymous).toBe(false);
  });

  it('is anonymous without authorization', () => {
    expect([principalOf(undefined).id, principalOf(undefined).isAnonymous]).toEqual(['anonymous', true]);
  });
});

describe('headers', () => {
  it('are found case-insensitively, with repeated ones joined, and nothing else is found', () => {
    const headers = new CurrentHeaders({ 'X-One': '1', 'X-Two': ['a', 'b'], 'X-Three': undefined });
    expect([headers.get('x-one'), headers.get('X-TWO'), headers.get('x-three')]).toEqual(['1', 'a, b', undefined]);
    expect([headers.get('constructor'), headers.get('__proto__'), headers.get('toString')]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    expect(headers.entries()).toEqual([
      ['x-one', '1'],
      ['x-two', 'a, b'],
    ]);
  });
});
