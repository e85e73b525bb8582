import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Logger } from '../../../src/base/logger.js';
import type { JSONRPCMessage } from '../../../src/protocol/json-rpc/messages.js';
import { StdioTransport } from '../../../src/transports/stdio.js';
import { eventually } from '../../helpers/eventually.js';
import { FakeClock } from '../../helpers/fake-clock.js';

let input: PassThrough;
let output: PassThrough;
let transport: StdioTransport;
let received: JSONRPCMessage[];
let errors: string[];
let log: string[];

beforeEach(async () => {
  [input, output] = [new PassThrough(), new PassThrough()];
  [received, errors, log] = [[], [], []];
  const logger = new Logger((_level, message) => log.push(message));
  transport = new StdioTransport({ clock: new FakeClock(), logger, grace: 1_000 }, input, output);
  transport.onmessage = (message) => received.push(message);
  transport.onerror = ({ message }) => errors.push(message);
  await transport.start();
});

afterEach(() => transport.close());

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

  it.each(['no JSON', '{"jsonrpc":"2.0"}', '[]', '', '{"jsonrpc":"2.0","id":1,"method":"ping","more":1}'])(
    'that are not messages are reported, and reading goes on: %p',
    async (line) => {
      input.write(`${line}\n${JSON.stringify(ping(3))}\n`);
      await eventually(() => expect(received).toEqual([ping(3)]));
      expect(errors).toHaveLength(1);
    },
  );

  it('longer than 10 MiB are answered with an error and skipped, and reading goes on', async () => {
    const piece = Buffer.alloc(1024 * 1024, 'x');
    for (let count = 0; count < 12; count++) input.write(piece);
    input.write(`\n${JSON.stringify(ping(4))}\n`);
    await eventually(() => expect(received).toEqual([ping(4)]));
    const answer = JSON.parse(String(output.read())) as { error: { code: number; message: string } };
    expect(answer.error).toMatchObject({ code: -32600, message: expect.stringContaining('10485760 bytes') });
    expect(log).toEqual(['A message over stdio was too long and was skipped']);
  });
});

describe('the transport', () => {
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
