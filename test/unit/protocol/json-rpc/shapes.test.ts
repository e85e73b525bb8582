import { JSONRPCMessageSchema } from '@modelcontextprotocol/sdk/types.js';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isJsonRpcMessage } from '../../../../src/protocol/json-rpc/shapes.js';

const id = fc.oneof(fc.string(), fc.integer(), fc.constantFrom(null, 1.5, 1e300, true, {}));
const meta = fc.oneof(fc.constantFrom(null, 1, [], {}), fc.record({ progressToken: id }));
const content = fc.oneof(fc.dictionary(fc.string(), fc.jsonValue()), fc.record({ _meta: meta, more: fc.jsonValue() }));
const params = fc.oneof(fc.constant(undefined), content, fc.constantFrom(null, [], 'x', 1));
const error = fc.oneof(
  fc.record({
    code: fc.oneof(fc.integer(), fc.constantFrom('x', 1.5, 1e300)),
    message: fc.oneof(fc.string(), fc.constant(1)),
  }),
  fc.constantFrom(null, [], {}),
);

/** Messages, and values that look like one. */
const message = fc.record(
  {
    jsonrpc: fc.constantFrom('2.0', '2.0', '2.0', '1.0', 2),
    id,
    method: fc.oneof(fc.string(), fc.constantFrom(1, null)),
    params,
    result: fc.oneof(content, fc.constantFrom(null, [], 1)),
    error,
    strange: fc.integer(),
  },
  { requiredKeys: ['jsonrpc'] },
);

/** On the wire there are no undefined values. */
const travelling = (value: object): object => JSON.parse(JSON.stringify(value)) as object;

describe('the shape of a message', () => {
  it('matches the schema of the SDK', () => {
    fc.assert(
      fc.property(message, (value) => {
        const sent = travelling(value);
        expect([sent, isJsonRpcMessage(sent)]).toEqual([sent, JSONRPCMessageSchema.safeParse(sent).success]);
      }),
      { numRuns: 3_000 },
    );
  });

  it.each([null, 1, 'text', [], [{ jsonrpc: '2.0', method: 'x' }], {}])('rejects %p', (value) => {
    expect(isJsonRpcMessage(value)).toBe(false);
  });
});
