import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { EnvelopeScanner } from '../../../src/transports/envelope-scanner.js';

function scan(text: string, size: number): EnvelopeScanner {
  const scanner = new EnvelopeScanner();
  const bytes = Buffer.from(text);
  for (let start = 0; start < bytes.length; start += size) scanner.read(bytes.subarray(start, start + size));
  return scanner;
}

const id = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.integer(),
  fc.constantFrom(null, 1.5, true, {}, ['a'], 'id', '\\"'),
);
const message = fc.dictionary(
  fc.oneof(fc.constantFrom('id', 'method', 'result', 'error', 'params'), fc.string({ unit: 'binary' })),
  fc.oneof(id, fc.jsonValue()),
);

describe('the scanner of messages that are not parsed', () => {
  it('[A8] finds what JSON.parse finds, however the text is cut', () => {
    fc.assert(
      fc.property(message, fc.integer({ min: 1, max: 9 }), fc.boolean(), (value, size, indented) => {
        const text = JSON.stringify(value, null, indented ? 2 : undefined);
        const read = JSON.parse(text) as Record<string, unknown>;
        const scanner = scan(text, size);
        const found = read['id'];
        expect([text, scanner.id]).toEqual([
          text,
          typeof found === 'string' || Number.isSafeInteger(found) ? found : undefined,
        ]);
        expect(scanner.hasMethod).toBe(Object.hasOwn(read, 'method'));
        expect(scanner.hasOutcome).toBe(Object.hasOwn(read, 'result') || Object.hasOwn(read, 'error'));
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    '',
    '[{"id":1,"method":"x"}]',
    '"id"',
    '{"params":{"id":1}}',
    '{"id":"' + 'x'.repeat(1_025) + '"}',
    '{"id":1',
  ])('[A8] finds no id: %p', (text) => expect(scan(text, 3).id).toBeUndefined());
});
