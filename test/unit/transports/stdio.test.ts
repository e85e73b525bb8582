import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '../../../src/base/logger.js';
import type { JSONRPCMessage } from '../../../src/protocol/json-rpc/messages.js';
import { StdioTransport } from '../../../src/transports/stdio.js';
import { eventually } from '../../helpers/eventually.js';
import { FakeClock } from '../../helpers/fake-clock.js';

const maximum = 1024 * 1024;

let input: PassThrough;
let output: PassThrough;
let transport: StdioTransport;
let received: JSONRPCMessage[];
let errors: string[];
let log: string[];

beforeEach(async () => {
  [input, output] = [new PassThrough(), new PassThrough()];
  [received, errors, log, everything] = [[], [], [], []];
  const logger = new Logger((_level, message) => log.push(message));
  transport = new StdioTransport(
    { clock: new FakeClock(), logger, grace: 1_000, maximumMessage: maximum },
    input,
    output,
  );
  transport.onmessage = (message) => received.push(message);
  transport.onerror = ({ message }) => errors.push(message);
  await transport.start();
});

afterEach(() => transport.close());

/** What the client was sent, once. */
let everything: object[] = [];

function sent(): object[] {
  const text = output.read() as Buffer | null;
  if (text !== null) {
    everything.push(
      ...String(text)
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as object),
    );
  }
  return everything;
}

const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);

const ping = (id: number) => ({ jsonrpc: '2.0' as const, id, method: 'ping' });

describe('lines on stdin', () => {
  it('are messages however they are chunked, with either line ending', async () => {
    const bytes = Buffer.from(
      `${JSON.stringify({ ...ping(1), params: { text: 'ü€😀' } })}\r\n${JSON.stringify(ping(2))}\n`,
    );
    for (const byte of bytes) input.write(Buffer.from([byte]));
    await eventually(() => expect(received).toHaveLength(2));
    expect(received).toEqual([{ ...ping(1), params: { text: 'ü€😀' } }, ping(2)]);
  });

  it.each<[string, string, object]>([
    ['no JSON', 'no JSON', { error: { code: -32700 } }],
    ['an array', '[]', { error: { code: -32600, message: expect.stringContaining('it is not an object') } }],
    ['no method', '{"jsonrpc":"2.0","id":7}', { id: 7, error: { code: -32600 } }],
    ['another version', '{"jsonrpc":"1.0","id":"a","method":"ping"}', { id: 'a', error: { code: -32600 } }],
    ['a strange key', '{"jsonrpc":"2.0","id":1,"method":"ping","more":1}', { id: 1, error: { code: -32600 } }],
    ['a strange id', '{"jsonrpc":"2.0","id":null,"method":"ping"}', { error: { code: -32600 } }],
    ['a huge id', '{"jsonrpc":"2.0","id":1e300,"method":"ping"}', { error: { code: -32600 } }],
    [
      'a strange `_meta`',
      '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":5}}',
      { id: 1, error: { code: -32600 } },
    ],
    [
      'a strange token',
      '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{"progressToken":{}}}}',
      { id: 1, error: { code: -32600, message: expect.stringContaining('_meta.progressToken') } },
    ],
    [
      '30,000 levels',
      `{"jsonrpc":"2.0","method":"ping","params":${nested(30_000)},"id":1}`,
      { id: 1, error: { code: -32600 } },
    ],
  ])('[B6] [C6] that are no messages are answered, and reading goes on: %s', async (_name, line, expected) => {
    input.write(`${line}\n${JSON.stringify(ping(3))}\n`);
    await eventually(() => expect(received).toEqual([ping(3)]));
    expect(sent()).toMatchObject([{ jsonrpc: '2.0', ...expected }]);
    expect('id' in sent()[0]!).toBe('id' in expected);
    expect(errors).toHaveLength(1);
  });

  it('that are blank are nothing', async () => {
    input.write(`\n  \r\n${JSON.stringify(ping(3))}\n`);
    await eventually(() => expect(received).toEqual([ping(3)]));
    expect([sent(), errors]).toEqual([[], []]);
  });

  it.each<[string, string, string]>([
    ['an id at the beginning', '{"jsonrpc":"2.0","id":"a\\u0022b","method":"x","params":{"id":1,"text":"', '"}}'],
    [
      'an id at the end',
      '{"method":"x","params":{"id":1,"text":"\\\\\\"id\\":2,',
      '"},"jsonrpc":"2.0","id":"a\\u0022b"}',
    ],
  ])('[A8] that are too long are answered under their id, and reading goes on: %s', async (_name, begin, end) => {
    const piece = Buffer.alloc(maximum / 4, 'x');
    input.write(begin);
    for (let count = 0; count < 6; count++) input.write(piece);
    await eventually(() => expect(log).toEqual(['A message over stdio was too long and was skipped']));
    for (const byte of Buffer.from(`${end}\n${JSON.stringify(ping(4))}\n`)) input.write(Buffer.from([byte]));
    await eventually(() => expect(received).toEqual([ping(4)]));
    const message = `A message is longer than ${maximum} bytes and was skipped.`;
    expect(sent()).toEqual([{ jsonrpc: '2.0', id: 'a"b', error: { code: -32600, message } }]);
  });

  it('[A8] that are too long and have no id are answered without, unless they are notifications', async () => {
    const filler = 'x'.repeat(maximum);
    input.write(
      `${filler}\n{"jsonrpc":"2.0","method":"x","params":{"text":"${filler}"}}\n${JSON.stringify(ping(5))}\n`,
    );
    await eventually(() => expect(received).toEqual([ping(5)]));
    input.write(`${filler}x\n${JSON.stringify(ping(6))}\n`);
    await eventually(() => expect(received).toHaveLength(2));
    expect(sent()).toMatchObject([{ error: { code: -32700 } }, { error: { code: -32600 } }]);
  });

  it('[A8] that are too long for an answer fail the request that waits for it', async () => {
    input.write(`{"jsonrpc":"2.0","id":"errand:1","result":{"text":"${'x'.repeat(maximum)}"}}\n`);
    input.write(`{"jsonrpc":"2.0","id":"errand:2","result":5}\n`);
    await eventually(() => expect(received).toHaveLength(2));
    expect(received).toMatchObject([
      { id: 'errand:1', error: { code: -32600 } },
      { id: 'errand:2', error: { code: -32600 } },
    ]);
    expect(sent()).toEqual([]);
  });

  it('[B6] that are too long are logged ten times a minute', async () => {
    for (let count = 0; count < 100; count++) input.write(`${nested(300)}\n`);
    input.write(`${JSON.stringify(ping(7))}\n`);
    await eventually(() => expect(received).toEqual([ping(7)]));
    expect(log).toHaveLength(10);
  });
});

describe('the transport', () => {
  it('[B6] sends an error for a result that cannot be written', async () => {
    const result: Record<string, unknown> = {};
    result['itself'] = result;
    await transport.send({ jsonrpc: '2.0', id: 9, result });
    expect(sent()).toMatchObject([{ id: 9, error: { code: -32603 } }]);
    await expect(transport.send({ jsonrpc: '2.0', method: 'x', params: result })).rejects.toThrow('circular');
  });

  it('ends with stdin, and can still send', async () => {
    input.end();
    await transport.ended;
    await transport.send(ping(5));
    expect(JSON.parse(String(output.read()))).toEqual(ping(5));
  });

  it('closes only once, and receives nothing after that', async () => {
    let closed = 0;
    transport.onclose = () => closed++;
    await Promise.all([transport.close(), transport.close()]);
    input.write(`${JSON.stringify(ping(6))}\n`);
    await transport.ended;
    expect([closed, received]).toEqual([1, []]);
  });

  it('closes when the client closes stdout', async () => {
    output.destroy(new Error('EPIPE'));
    await transport.ended;
  });
});
