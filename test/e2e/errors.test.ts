import { McpError } from '@modelcontextprotocol/sdk/types.js';
import { afterEach, describe, expect, it, jest } from '@jest/globals';
import {
  createServer,
  CurrentAccessToken,
  defineTool,
  ErrandError,
  Logger,
  ToolError,
  type DefinedComponent,
} from '../../src/index.js';
import {
  call,
  closedAfterwards,
  closeOpened,
  connect,
  modes,
  serverOf,
  textOf,
  type Line,
} from '../helpers/in-memory.js';

afterEach(closeOpened);

const throwing = (thrown: unknown): DefinedComponent =>
  defineTool({
    name: 'fail',
    task: 'optional',
    run: async () => {
      throw thrown;
    },
  });

/** What a client of a tool that throws `thrown` is answered, and what is logged. */
async function answerTo(
  thrown: unknown,
  mode: (typeof modes)[number],
  errors: 'mask' | 'reveal' = 'mask',
): Promise<{ answer: unknown; log: Line[] }> {
  const { server, log } = serverOf({ components: [throwing(thrown)], errors });
  const client = await connect(server);
  const answer = await call(client, mode, 'fail').catch((error: unknown) => {
    const { code, message, data } = error as McpError;
    return { code, message, data };
  });
  return { answer, log: log.filter(({ level }) => level === 'error') };
}

const unsuccessful = (text: unknown): object => ({ isError: true, content: [{ type: 'text', text }] });

describe.each(modes)('in the %s', (mode) => {
  it('the text of a ToolError is shown, and nothing is logged', async () => {
    const { answer, log } = await answerTo(new ToolError('Out of paper'), mode);
    expect(answer).toEqual(unsuccessful('Out of paper'));
    expect(log).toEqual([]);
  });

  it('a subclass of ToolError is one', async () => {
    class OutOfPaper extends ToolError {}
    expect((await answerTo(new OutOfPaper('Out of paper'), mode)).answer).toEqual(unsuccessful('Out of paper'));
  });

  it('the message of an ErrandError is shown when it is meant for clients', async () => {
    const { answer, log } = await answerTo(
      new ErrandError('ANSWER_INVALID', 'Not what was asked', { exposed: true }),
      mode,
    );
    expect(answer).toEqual(unsuccessful('Not what was asked'));
    expect(log).toEqual([]);
  });

  it.each<[string, unknown]>([
    ['an ErrandError that is not meant for clients', new ErrandError('PROVIDER_UNDEFINED', 'secret')],
    ['an Error', new TypeError('secret')],
    ['an Error with a cause', new Error('secret', { cause: new Error('secret too') })],
    ['a string', 'secret'],
    ['undefined', undefined],
    ['null', null],
    ['a symbol', Symbol('secret')],
    ['an object', { secret: true }],
    ['an object without a prototype', Object.create(null)],
    ['an error whose name says McpError but has no code', Object.assign(new Error('secret'), { name: 'McpError' })],
  ])('%s is masked by a reference that is in the log', async (_what, thrown) => {
    const { answer, log } = await answerTo(thrown, mode);
    expect(answer).toEqual(unsuccessful(expect.stringMatching(/^fail failed\. Reference [\w-]{36}\.$/)));
    expect(JSON.stringify(answer)).not.toContain('secret');
    expect(log).toHaveLength(1);
    const { reference, error, tool } = log[0]!.fields;
    expect(textOf(answer as never)).toContain(reference);
    expect([error, tool]).toEqual([thrown, 'fail']);
  });

  it.each<[string, unknown, string]>([
    ['an Error', new TypeError('the details'), 'the details'],
    ['a string', 'the details', 'the details'],
    ['an object without a prototype', Object.create(null), 'something that cannot be written as text'],
    ['an error with a message that is no text', Object.assign(new Error(), { message: 5 }), '5'],
  ])("%s is shown with errors: 'reveal', with the reference", async (_what, thrown, details) => {
    const { answer, log } = await answerTo(thrown, mode, 'reveal');
    expect(answer).toEqual(unsuccessful(`fail failed: ${details}. Reference ${String(log[0]!.fields.reference)}.`));
  });

  it('McpError is the error of the request with its code, message and data', async () => {
    const { answer, log } = await answerTo(new McpError(-32042, 'Not here', { where: ['there'] }), mode);
    expect(answer).toMatchObject({ code: -32042, data: { where: ['there'] } });
    expect((answer as Error).message).toMatch(/Not here$/);
    expect((answer as Error).message.match(/MCP error/g)).toHaveLength(1); // the stock client puts one in front
    expect(log).toEqual([]);
  });

  it('McpError of another copy of the SDK is one, too', async () => {
    const foreign = Object.assign(new Error('MCP error -32001: Elsewhere'), { name: 'McpError', code: -32001 });
    expect((await answerTo(foreign, mode)).answer).toMatchObject({ code: -32001 });
  });

  it('the data of an McpError travels as JSON', async () => {
    const day = new Date('2026-11-20T00:00:00Z');
    const { answer } = await answerTo(new McpError(-32042, 'Not today', { day }), mode);
    expect(answer).toMatchObject({ code: -32042, data: { day: day.toISOString() } });
  });

  it('data that is not JSON does not keep an McpError from its client; it is in the log', async () => {
    const thrown = new McpError(-32042, 'Too much', { count: 1n });
    const { answer, log } = await answerTo(thrown, mode);
    expect(answer).toMatchObject({ code: -32042, data: undefined });
    expect(log).toMatchObject([{ fields: { tool: 'fail', error: thrown } }]);
  });

  it('a log that cannot be written does not keep the client from its answer', async () => {
    const logger = new Logger(() => {
      throw new Error('disk full');
    });
    const server = closedAfterwards(
      createServer({ name: 'test', version: '1', components: [throwing(new Error('secret'))], logger }),
    );
    const stderr = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
    try {
      expect(await call(await connect(server), mode, 'fail')).toMatchObject({ isError: true });
      expect(stderr).toHaveBeenCalledWith(expect.stringContaining('disk full'));
    } finally {
      stderr.mockRestore();
    }
  });

  it('a call that needs an access token and has none says so', async () => {
    const whoAmI = defineTool({
      name: 'whoAmI',
      task: 'optional',
      inject: [CurrentAccessToken],
      run: (_input, token) => token.clientId,
    });
    const { server, log } = serverOf({ components: [whoAmI] });
    expect(await call(await connect(server), mode, 'whoAmI')).toEqual(
      unsuccessful('This call needs an access token, but the client sent none.'),
    );
    expect(log.filter(({ level }) => level === 'error')).toEqual([]);
  });
});
