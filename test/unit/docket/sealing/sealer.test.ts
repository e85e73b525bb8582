import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { Json } from '../../../../src/base/json.js';
import { isSealed, readEncryptionKey, Sealer } from '../../../../src/docket/sealing/sealer.js';
import { refusalOf } from '../../../helpers/thrown.js';

const [first, second] = [randomBytes(32), randomBytes(32)];
const place = { key: 'task-1', part: 'input' };
const sealer = new Sealer([first], 'reports');

describe('a sealer', () => {
  it.each<Json>([null, '', 'text', 0, [], {}, { deep: [{ ünïcode: '\u2028😀' }] }, 'x'.repeat(1_000_000)])(
    'opens what it sealed: %p',
    (value) => expect(sealer.open(sealer.seal(value, place), place)).toEqual(value),
  );

  it('reveals nothing of the value, and seals the same value differently each time', () => {
    const [one, other] = [sealer.seal('the secret', place), sealer.seal('the secret', place)];
    expect(one).not.toBe(other);
    expect(Buffer.from(one.split(':').at(-1)!, 'base64url').toString('latin1')).not.toContain('secret');
    expect(isSealed(one)).toBe(true);
  });

  it('opens with any of its keys and seals with the first, so that keys can be rotated', () => {
    const old = sealer.seal(1, place);
    const rotated = new Sealer([second, first], 'reports');
    expect(rotated.open(old, place)).toBe(1);
    const fresh = rotated.seal(2, place);
    expect(new Sealer([second], 'reports').open(fresh, place)).toBe(2);
    expect(refusalOf(() => sealer.open(fresh, place))).toMatchObject({ code: 'SEAL_INVALID' });
  });

  it.each([
    ['of another execution', 'reports', { ...place, key: 'task-2' }],
    ['of another part', 'reports', { ...place, part: 'outcome' }],
    ['of another docket', 'sales', place],
    ['whose names run together', 'report', { ...place, key: 'stask-1' }],
  ])('does not open a value %s', (_, docket, elsewhere) => {
    const sealed = sealer.seal({ approve: true }, place);
    expect(refusalOf(() => new Sealer([first], docket).open(sealed, elsewhere))).toMatchObject({
      code: 'SEAL_INVALID',
    });
  });

  it('does not open a value with any byte changed', () => {
    const sealed = sealer.seal('text', place);
    const start = sealed.lastIndexOf(':') + 1;
    const bytes = Buffer.from(sealed.slice(start), 'base64url');
    bytes.forEach((byte, index) => {
      const changed = Buffer.from(bytes);
      changed[index] = byte ^ 1;
      const forged = sealed.slice(0, start) + changed.toString('base64url');
      expect(refusalOf(() => sealer.open(forged, place))).toMatchObject({ code: 'SEAL_INVALID' });
    });
  });

  it.each([undefined, null, 42, 'plain', { a: 1 }, 'errand-sealed:1:', 'errand-sealed:1::', 'errand-sealed:2:x:y'])(
    'does not open %p, which nobody sealed',
    (value) => expect(refusalOf(() => sealer.open(value, place))).toMatchObject({ code: 'SEAL_INVALID' }),
  );

  it('does not open a value too short to hold nonce and tag', () => {
    const sealed = sealer.seal('text', place);
    for (let length = 0; length < 40; length++) {
      const cut = sealed.slice(0, sealed.lastIndexOf(':') + 1 + length);
      expect(refusalOf(() => sealer.open(cut, place))).toMatchObject({ code: 'SEAL_INVALID' });
    }
  });

  it('names the problem, and not the value', () => {
    const sealed = new Sealer([second], 'reports').seal('the secret', place);
    const { message } = refusalOf(() => sealer.open(sealed, place));
    expect(message).toMatch(
      /^The input of 'task-1' was sealed with the key [\w-]{11}, which docket\.encryptionKeys lacks\. /,
    );
    expect(message).not.toContain(second.toString('base64'));
  });
});

describe('an encryption key', () => {
  const key = Buffer.from('fb'.repeat(32), 'hex');

  it.each(['base64', 'base64url', 'hex'] as const)('is read in %s', (encoding) =>
    expect(readEncryptionKey(key.toString(encoding))).toEqual(key),
  );

  it.each([
    '',
    'short',
    'a passphrase that is long enough, one would think',
    key.toString('hex').slice(1),
    'é'.repeat(43),
  ])('is not %p', (text) => expect(readEncryptionKey(text)).toBeUndefined());
});
