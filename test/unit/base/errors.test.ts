import { describe, expect, it } from '@jest/globals';
import { ErrandError, errorTable, messageOf, type ErrandErrorCode } from '../../../src/base/errors.js';

/** The same file as another module, as in a program with two copies of the package. */
const secondCopy = '../../../src/base/errors.ts?copy';

describe('ErrandError', () => {
  it('has a code, a message and a cause', () => {
    const cause = new TypeError('inner');
    const error = new ErrandError('SERVER_CLOSED', 'closed', { cause });
    expect(error).toBeInstanceOf(Error);
    expect([error.name, error.code, error.message, error.cause]).toEqual([
      'ErrandError',
      'SERVER_CLOSED',
      'closed',
      cause,
    ]);
  });

  it('is distinguished from other values, with and without a code', () => {
    const error = new ErrandError('SERVER_CLOSED', 'closed');
    expect(ErrandError.is(error)).toBe(true);
    expect(ErrandError.is(error, 'SERVER_CLOSED')).toBe(true);
    expect(ErrandError.is(error, 'DOCKET_URL')).toBe(false);
    for (const other of [undefined, null, 'x', 5, {}, new Error('x'), { code: 'SERVER_CLOSED' }, () => error]) {
      expect(ErrandError.is(other)).toBe(false);
    }
  });

  it('is recognized across copies of the package', async () => {
    const copy = (await import(secondCopy)) as { ErrandError: typeof ErrandError };
    expect(copy.ErrandError).not.toBe(ErrandError);
    const foreign = new copy.ErrandError('INPUT_INVALID', 'from elsewhere', { exposed: true });
    expect(foreign).not.toBeInstanceOf(ErrandError);
    expect(ErrandError.is(foreign, 'INPUT_INVALID')).toBe(true);
    expect(copy.ErrandError.is(new ErrandError('DOCKET_URL', 'from here'), 'DOCKET_URL')).toBe(true);
    expect(foreign.exposed).toBe(true);
  });

  it('hides its mark when it is printed or serialized', () => {
    expect(Object.keys(new ErrandError('SERVER_CLOSED', 'closed')).sort()).toEqual(['code', 'name']);
  });

  it('says of every code what it means, and whether it may pass; a message is exposed only where it says so', () => {
    for (const [code, entry] of Object.entries(errorTable)) {
      expect(code).toMatch(/^[A-Z]+(_[A-Z]+)+$/);
      expect(entry.meaning).toMatch(/^\S.*\.$/);
      const error = new ErrandError(code as ErrandErrorCode, '');
      expect([error.exposed, error.retryable]).toEqual([false, 'retryable' in entry]);
    }
  });
});

describe('messageOf', () => {
  it.each<[string, unknown, string]>([
    ['an error', new Error('x'), 'x'],
    ['a string', 'x', 'x'],
    ['undefined', undefined, 'undefined'],
    ['a symbol', Symbol('x'), 'Symbol(x)'],
    ['an error whose message is not a string', Object.assign(new Error(), { message: 5 }), '5'],
    ['an object without a prototype', Object.create(null), 'something that cannot be written as text'],
  ])('of %s', (_what, thrown, message) => {
    expect(messageOf(thrown)).toBe(message);
  });
});
