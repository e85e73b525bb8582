import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { connect } from '../../src/client/connect.js';
import { eventually } from '../helpers/eventually.js';
import { asBuilt, cli, fixtureFile, root, runNode } from '../helpers/child.js';
import { fixtureCommand } from '../helpers/transports.js';

const errands = fixtureFile('errands.ts');

const running: ChildProcess[] = [];

/** The command, running, with what it printed so far. */
function start(...args: string[]): { child: ChildProcess; printed: { out: string; err: string } } {
  const child = spawn(process.execPath, [cli, ...args], { env: { ...process.env, ...asBuilt } });
  const printed = { out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (printed.err += text));
  running.push(child);
  return { child, printed };
}

async function listening(...args: string[]): Promise<{ child: ChildProcess; url: string }> {
  const { child, printed } = start('run', ...args, '--http', '0');
  const url = await eventually(
    () => {
      const found = /listens on (http:\S+)\n/.exec(printed.err)?.[1];
      expect(found).toBeDefined();
      return found as string;
    },
    { timeout: 20_000 },
  );
  return { child, url };
}

afterEach(() => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
});

describe('errand run over stdio', () => {
  it('keeps what the file prints while it loads, and what its tools print, out of the protocol', async () => {
    const client = await connect(fixtureCommand('chatty'));
    expect((await client.callTool('chatty')).content).toMatchObject([{ text: expect.stringMatching(/^heard \d+$/) }]);
    await client.close();
  });

  it('[D8] serves the export that is named after the file', async () => {
    const { child, printed } = start('run', `${fixtureFile('two-servers.ts')}:second`);
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'c', version: '1' } };
    child.stdin?.end(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params })}\n`);
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(JSON.parse(printed.out)).toMatchObject({ result: { serverInfo: { name: 'second' } } });
  });

  it('drains and exits with 0 at the first Ctrl-C', async () => {
    const { child, printed } = start('run', errands);
    child.stdin?.write(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' })}\n`);
    await eventually(() => expect(printed.out).toContain('"id":1'), { timeout: 20_000 });
    child.kill('SIGINT');
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('answers the calls that are under way when stdin ends, and exits with 0', async () => {
    const { child, printed } = start('run', errands);
    child.stdin?.end(
      [
        {
          id: 1,
          method: 'initialize',
          params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'pipe', version: '1' } },
        },
        { method: 'notifications/initialized' },
        { id: 2, method: 'tools/call', params: { name: 'soon' } },
      ]
        .map((message) => `${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
        .join(''),
    );
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(printed.out).toContain('{"result":{"content":[{"type":"text","text":"soon"}]},"jsonrpc":"2.0","id":2}');
  });

  it('exits with 0 when nobody reads stdout any more', async () => {
    const { child } = start('run', errands);
    child.stdout?.destroy();
    child.stdin?.write(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' })}\n`.repeat(3));
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('exits with 0 when its client closes stdin', async () => {
    const { child } = start('run', errands);
    child.stdin?.end();
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it('tells health and metrics on a port of their own, until it ends', async () => {
    const { child, printed } = start('run', fixtureFile('chatty.ts'), '--monitor-port', '0');
    const url = await eventually(
      () => {
        const found = /Serving health and metrics.*"url":"(http:[^"]+)"/.exec(printed.err)?.[1];
        expect(found).toBeDefined();
        return found as string;
      },
      { timeout: 20_000 },
    );
    await eventually(async () => expect(await (await fetch(`${url}/healthz`)).json()).toMatchObject({ status: 'ok' }));
    expect(await (await fetch(`${url}/metrics`)).text()).toContain('# TYPE errand_run_ended_total counter\n');
    child.stdin?.end();
    expect(await once(child, 'exit')).toEqual([0, null]);
  });
});

describe('errand run over HTTP', () => {
  it('serves, and exits with 0 at SIGTERM with a session and a task open', async () => {
    const { child, url } = await listening(errands);
    const client = await connect(url);
    await client.callTool('forever', {}, { task: true });
    child.kill('SIGTERM');
    expect(await once(child, 'exit')).toEqual([0, null]);
    await client.close();
  });

  it('answers other machines by the names that it was told', async () => {
    const hosts = ['--allow-host', 'example.com', '--allow-host', 'example.org'];
    const { url } = await listening(errands, '--host', '0.0.0.0', ...hosts);
    const { port } = new URL(url);
    const statusFor = async (host: string): Promise<number | undefined> => {
      const sent = request({ port, path: '/mcp', headers: { host }, agent: false }).end();
      const [response] = (await once(sent, 'response')) as [IncomingMessage];
      response.resume();
      return response.statusCode;
    };
    expect(await Promise.all(['example.com', 'example.org:443', 'localhost'].map(statusFor))).toEqual([400, 400, 403]);
  });

  it('keeps no sessions when it is told so', async () => {
    const { url } = await listening(errands, '--stateless');
    expect((await fetch(url)).status).toBe(405);
    const client = await connect(url);
    expect(await client.callTool('now')).toMatchObject({ content: [{ type: 'text' }] });
    await client.close();
  });

  it('lets a foreground call finish at the first Ctrl-C, and goes at once at the second', async () => {
    const { child, url } = await listening(errands);
    const client = await connect(url, { onElicit: () => new Promise(() => undefined) });
    const calling = client.callTool('book', { guests: 4 });
    const lost = calling.then(
      () => 'answered',
      () => 'lost',
    );
    await eventually(async () => expect((await client.listTools()).length).toBeGreaterThan(0));
    child.kill('SIGINT');
    await eventually(async () => {
      await expect(client.callTool('now', {}, { timeout: 500 })).rejects.toThrow();
    });
    child.kill('SIGINT');
    const [code] = (await once(child, 'exit')) as [number | null];
    expect([0, 130]).toContain(code);
    expect(await Promise.race([lost, client.close().then(() => 'lost')])).toBe('lost');
  });
});

describe('errand', () => {
  let folder: string;
  const file = (name: string): string => join(folder, name);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'errand-cli-'));
    await writeFile(file('empty.ts'), 'export const nothing = 1;\n');
    await writeFile(file('wrong.ts'), 'export default { name: "no server" };\n');
    await writeFile(file('broken.ts'), 'throw new Error("out of luck");\n');
    await writeFile(file('syntax.ts'), 'export default {{{\n');
  });

  afterAll(() => rm(folder, { recursive: true }));

  it.each([
    ['a missing file', ['run', 'nowhere.ts'], /^errand: There is no file .*nowhere\.ts\.\n$/],
    [
      'a file without a default',
      ['run', 'empty.ts'],
      /^errand: .*empty\.ts exports nothing as default\. Export the server/,
    ],
    [
      '[D8] an export that is not there',
      ['run', 'empty.ts:staging'],
      /^errand: .*empty\.ts:staging exports nothing as staging\. Export the server.*: export const staging = createServer/,
    ],
    ['[D8] a command that has another name', ['task', 'ls'], /^errand: errand has no command 'task'.* mean tasks\.\n$/],
    [
      'a default that is no server',
      ['run', 'wrong.ts'],
      /^errand: .*wrong\.ts exports an object as default\. Export the server/,
    ],
    [
      'a file that throws',
      ['run', 'broken.ts'],
      /^errand: .*broken\.ts cannot be loaded: out of luck\nError: out of luck\n +at .*broken\.ts:1:/,
    ],
    ['a file that does not parse', ['run', 'syntax.ts'], /^errand: .*syntax\.ts cannot be loaded: /],
    ['a port that is none', ['run', 'empty.ts', '--http', 'many'], /^errand: --http is "many"\. Give a port/],
    [
      'a host without a port',
      ['run', 'empty.ts', '--host', '0.0.0.0'],
      /^errand: --host,.* Give --http <port> as well/,
    ],
    [
      'no sessions without a port',
      ['run', 'empty.ts', '--stateless'],
      /^errand: .*--stateless are for HTTP\. Give --http/,
    ],
    [
      'an address of a monitor without a port',
      ['run', 'empty.ts', '--monitor-host', '0.0.0.0'],
      /^errand: --monitor-host .* Give --monitor-port/,
    ],
    [
      'a port of a monitor that is none',
      ['run', 'empty.ts', '--monitor-port', 'x'],
      /^errand: --monitor-port is "x"\. Give a port/,
    ],
    ['an unknown command', ['walk', 'empty.ts'], /^errand: errand has no command 'walk'\. Give one of run, .*\.\n$/],
    ['an unknown option', ['run', 'empty.ts', '--fast'], /^errand: Unknown option '--fast'\.\nUsage:/],
    ['run without a file', ['run'], /^errand: errand run needs a server file\.\nUsage:/],
  ])('refuses %s in one clear error, with exit code 1', async (_what, args, message) => {
    const located = args.map((arg) => (/\.ts\b/.test(arg) ? file(arg) : arg));
    const { code, stdout, stderr } = await runNode([cli, ...located]);
    expect(stderr).toMatch(message);
    expect([code, stdout]).toEqual([1, '']);
  });

  it('tells its version and its usage', async () => {
    expect(await runNode([cli, '--version'])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
    const log = file('modules.log');
    const logged = ['--import', join(root, 'test/package/fixtures/project/log-modules.mjs')];
    expect(await runNode([...logged, cli, '--help'], { env: { MODULES: log } })).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('errand run <file>'),
    });
    // No command is loaded that is not called, nor what it needs.
    const modules = (await readFile(log, 'utf8')).split('\n').filter((url) => url.startsWith('file:'));
    expect(modules.filter((url) => !/\/dist\/(cli|base)\//.test(url))).toEqual([]);
    expect(await runNode([cli])).toMatchObject({ code: 0, stdout: expect.stringContaining('errand run <file>') });
  });
});
