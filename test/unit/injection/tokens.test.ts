import { describe, expect, it } from '@jest/globals';
import { isClass, isLazy, isToken, lazy, token, tokenName } from '../../../src/injection/tokens.js';
import { delay } from '../../../src/injection/tsyringe.js';

class Session {}

describe('tokens', () => {
  it('are unique, even when they have the same name', () => {
    const one = token<number>('Clock');
    expect(typeof one).toBe('symbol');
    expect(one).not.toBe(token<number>('Clock'));
  });

  it('may be classes, strings and symbols, but not functions that cannot be constructed', () => {
    abstract class Shape {}
    expect([Session, Shape, 'name', Symbol('s'), token('t')].map(isToken)).toEqual([true, true, true, true, true]);
    const { method } = { method(this: void): void {} };
    expect([() => Session, method, async () => {}, undefined, null, 1, {}].map(isToken)).not.toContain(true);
    expect(isClass(() => undefined)).toBe(false);
  });

  it('have names for messages', () => {
    expect(tokenName(Session)).toBe('Session');
    expect(tokenName(token('Clock'))).toBe('Clock');
    expect(tokenName('a string')).toBe('"a string"');
    expect(tokenName(Symbol())).toBe('Symbol()');
    expect(tokenName(lazy(Session))).toBe('lazy(Session)');
    expect(tokenName(delay(() => Session))).toBe('delay(Session)');
    expect(tokenName(class {})).toBe('(anonymous class)');
    expect(tokenName(undefined)).toBe('undefined');
    expect(tokenName(7)).toBe('7');
  });

  it('distinguish lazy(), even from another copy of the package, from other objects with a token', () => {
    expect(isLazy(lazy(Session))).toBe(true);
    expect(isLazy({ token: Session })).toBe(false);
    expect(isLazy({ token: Session, [Symbol.for('errand.lazy')]: true })).toBe(true);
  });
});
