import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { afterEach, describe, expect, it } from '@jest/globals';
import { createServer, defineTool, Logger, type HttpListener } from '../../src/index.js';
import { asBuilt, cli, fixtureFile, root, runChild } from '../helpers/child.js';
import { serverWithClock } from '../helpers/clocked-server.js';
import { eventually } from '../helpers/eventually.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { rejection } from '../helpers/raw-calls.js';
import { readSlowly, slowness } from '../helpers/slow-reader.js';
import { connectHttp } from '../helpers/transports.js';

describe('over stdio', () => {
  const running: ChildProcess[] = [];
  const large = 2 * 1024 * 1024;
  const call = [
    {
      id: 1,
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'pipe', version: '1' } },
    },
    { method: 'notifications/initialized' },
    { id: 2, method: 'tools/call', params: { name: 'large' } },
  ]
    .map((message) => `${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
    .join('');
  const run = [cli, 'run', fixtureFile('large.ts')];
  const program = [join(root, 'node_modules/jiti/lib/jiti-cli.mjs'), fixtureFile('serve-stdio.ts')];

  afterEach(() => {
    for (const child of running.splice(0)) child.kill('SIGKILL');
  });

  /** A server that is called. Its grace is longer than any test takes, so that none passes by its end. */
  function start(
    args: readonly string[],
    { stdout = 'pipe', grace = '1h' }: { stdout?: 'pipe' | number; grace?: string } = {},
  ) {
    const env = { ...process.env, ...asBuilt, GRACE: grace };
    const child = spawn(process.execPath, args, { env, stdio: ['pipe', stdout, 'pipe'] });
    let log = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (log += text));
    child.stdin?.write(call);
    running.push(child);
    return { child, exited: once(child, 'exit'), log: () => log };
  }

  function expectWhole(output: string): void {
    const [initialized = '', answered = '', ...more] = output.split('\n');
    expect(JSON.parse(initialized)).toMatchObject({ id: 1 });
    const { id, result } = JSON.parse(answered) as { id: number; result: { content: [{ text: string }] } };
    expect([id, result.content[0].text.length, more]).toEqual([2, large, ['']]);
  }

  it.each([
    ['errand run at the end of stdin', run, 'end', 0],
    ['errand run at SIGTERM', run, 'SIGTERM', 0],
    ['a program that exits after serveStdio(), at the end of stdin', program, 'end', 7],
  ] as const)('a slow client reads the whole answer of %s [A7]', async (_what, args, ending, code) => {
    const { child, exited } = start(args);
    const output = readSlowly(child.stdout as Readable);
    await once(child.stdout as Readable, 'data');
    if (ending === 'end') child.stdin?.end();
    else child.kill(ending);
    expectWhole(await output);
    expect(await exited).toEqual([code, null]);
  });

  it('writes the whole answer to a file [A7]', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'errand-file-'));
    const file = await open(join(folder, 'answers'), 'w');
    const { child, exited } = start(run, { stdout: file.fd });
    child.stdin?.end();
    expect(await exited).toEqual([0, null]);
    await file.close();
    expectWhole(await readFile(join(folder, 'answers'), 'utf8'));
    await rm(folder, { recursive: true });
  });

  it('exits when a client goes away in the middle of its answer [A7]', async () => {
    const { child, exited } = start(run);
    await once(child.stdout as Readable, 'data');
    child.stdout?.destroy();
    expect(await exited).toEqual([0, null]);
  });

  it('waits for a client that never reads no longer than the grace, and logs it [A7]', async () => {
    const { child, exited, log } = start(run, { grace: '1s' });
    await once(child.stdout as Readable, 'readable');
    const stopped = performance.now();
    child.kill('SIGTERM');
    expect(await exited).toEqual([0, null]);
    expect(performance.now() - stopped).toBeLessThan(5_000);
    await eventually(() => expect(log()).toContain('The client does not read its answers'));
    expect(log()).not.toContain('Calls did not stop');
  });

  it('exits at once on a second Ctrl-C [A7]', async () => {
    const { child, exited } = start(run);
    await once(child.stdout as Readable, 'readable');
    child.kill('SIGINT');
    const again = setInterval(() => child.kill('SIGINT'), 100);
    expect(await exited).toEqual([130, null]);
    clearInterval(again);
  });
});

describe('the output of a command', () => {
  /** As a shell runs it, behind something that fills the pipe. Its reader begins when the command would have exited. */
  const behindFullPipe = (command: string, reader: string): string =>
    `{ head -c 65536 /dev/zero; ${command}; echo "exit code $?" >&3; } | { sleep ${slowness / 1_000}; ${reader}; }`;
  const shell = async (script: string): Promise<{ code: number | null; stdout: string; stderr: string }> =>
    runChild('sh', ['-c', `exec 3>&2; ${script.replaceAll('errand', `"${process.execPath}" "${cli}"`)}`]);

  it('reaches slow readers of stdout and stderr completely [A7]', async () => {
    const [help, error] = await Promise.all([
      shell(behindFullPipe('errand --help', 'tail -c +65537')),
      shell(behindFullPipe('errand walk 2>&1', 'tail -c +65537')),
    ]);
    expect(help.stdout).toMatch(/^Usage:\n[^]*export default createServer\(\{ … \}\)\n$/);
    expect(help.stderr).toBe('exit code 0\n');
    expect(error.stdout).toMatch(/^errand: errand has no command 'walk'\. .*\n$/);
    expect(error.stderr).toBe('exit code 1\n');
  });

  it('may be left unread without an error [A7]', async () => {
    const [begun, help, error] = await Promise.all([
      shell('{ errand --help; echo "exit code $?" >&3; } | head -c 10'),
      shell(behindFullPipe('errand --help', 'true')),
      shell(behindFullPipe('errand walk 2>&1', 'true')),
    ]);
    expect(begun).toEqual({ code: 0, stdout: 'Usage:\n  e', stderr: 'exit code 0\n' });
    expect(help).toEqual({ code: 0, stdout: '', stderr: 'exit code 0\n' });
    expect(error).toEqual({ code: 0, stdout: '', stderr: 'exit code 1\n' });
  });
});

describe('over HTTP', () => {
  // More than the system keeps for a connection of this machine.
  const large = 'x'.repeat(24 * 1024 * 1024);
  const options = { name: 'large', version: '1.0.0', components: [defineTool({ name: 'large', run: () => large })] };
  const quiet = new Logger(() => undefined);

  const post = (url: string, message: object, session?: string | null): Promise<Response> =>
    fetch(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': '2025-11-25',
        ...(typeof session === 'string' && { 'mcp-session-id': session }),
      },
      body: JSON.stringify({ jsonrpc: '2.0', ...message }),
    });

  /** The large answer, of which nothing has been read yet. */
  async function callLarge({ url }: HttpListener): Promise<Response> {
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } };
    const initialized = await post(url, { id: 1, method: 'initialize', params });
    await initialized.text();
    const call = { id: 2, method: 'tools/call', params: { name: 'large' } };
    return post(url, call, initialized.headers.get('mcp-session-id'));
  }

  const untilClosing = (port: number): Promise<void> =>
    eventually(async () => {
      const socket = connectSocket(port, '127.0.0.1');
      const refused = once(socket, 'connect');
      expect(await rejection(refused)).toMatchObject({ code: 'ECONNREFUSED' });
    });

  it.each([
    ['a session', {}],
    ['no session', { stateless: true }],
  ])('a slow client reads its whole answer when the server closes, with %s [A7]', async (_what, how) => {
    const server = createServer({ ...options, logger: quiet, grace: '1h' });
    const listener = await server.listen(how);
    const response = await callLarge(listener);
    const closing = server.close();
    await untilClosing(listener.port);
    const [, data = ''] = /^data: (.*)$/m.exec(await response.text()) ?? [];
    expect(JSON.parse(data)).toMatchObject({ id: 2, result: { content: [{ text: large }] } });
    await closing;
  });

  it('cuts off a client that never reads at half of the grace, and logs it [A7]', async () => {
    const clock = new FakeClock();
    const warnings: string[] = [];
    const logger = new Logger((level, message) => {
      if (level === 'warning') warnings.push(message);
    });
    const server = serverWithClock({ ...options, logger, grace: '10s' }, clock);
    const listener = await server.listen();
    const response = await callLarge(listener);
    const closing = server.close();
    await untilClosing(listener.port);
    await clock.advance(4_999);
    expect(warnings).toEqual([]);
    await clock.advance(1);
    await closing;
    expect(warnings).toEqual(['Clients did not read their answers within the grace']);
    await rejection(response.text());
    expect(clock.armed).toBe(0);
  });

  it('closes without delay despite idle connections and open streams [A7]', async () => {
    const clock = new FakeClock();
    const server = serverWithClock({ ...options, logger: quiet }, clock);
    await using peer = await connectHttp((await server.listen()).url);
    await peer.client.listTools();
    const began = performance.now();
    // The clock stands still, but Node itself ends idle connections after five seconds.
    await server.close();
    expect(performance.now() - began).toBeLessThan(2_500);
  });

  it('lets a slow scraper read its response when the monitor closes [A7]', async () => {
    const server = createServer({ ...options, logger: quiet, grace: '1h' });
    const monitor = await server.monitor({ port: 0 });
    const socket = connectSocket(monitor.port, '127.0.0.1');
    const asked = 2_000;
    socket.write('GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n'.repeat(asked));
    await once(socket, 'readable');
    const closing = server.close();
    await untilClosing(monitor.port);
    let text = '';
    for await (const piece of socket.setEncoding('utf8')) text += piece as string;
    expect(text.split('HTTP/1.1 200 OK\r\n')).toHaveLength(asked + 1);
    await closing;
  });
});
