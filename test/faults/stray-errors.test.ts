import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { connect } from '../../src/client/connect.js';
import { createServer, Logger } from '../../src/index.js';
import { asBuilt, cli, root, runNode, type Ended } from '../helpers/child.js';
import { eventually } from '../helpers/eventually.js';
import { TestDocket } from '../helpers/redis.js';
import { components } from './servers/stray.js';

const file = join(root, 'test/faults/servers/stray.ts');

interface Answer {
  readonly id?: string | number;
  readonly result?: { readonly content?: unknown; readonly task?: { readonly taskId: string } };
}

/** `errand run` over stdio, with a client that writes lines and reads them. */
class Served {
  readonly answers: Answer[] = [];
  errors = '';
  private readonly child = spawn(process.execPath, [cli, 'run', file], { env: { ...process.env, ...asBuilt } });
  readonly ended = once(this.child, 'close') as Promise<[number | null, string | null]>;

  constructor() {
    let text = '';
    this.child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (text + chunk).split('\n');
      text = lines.pop() ?? '';
      this.answers.push(...lines.map((line) => JSON.parse(line) as Answer));
    });
    this.child.stderr.setEncoding('utf8').on('data', (chunk: string) => (this.errors += chunk));
    const clientInfo = { name: 'lines', version: '1' };
    this.send(0, 'initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo });
    this.send(undefined, 'notifications/initialized');
  }

  send(id: number | undefined, method: string, params: object = {}): void {
    this.child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`);
  }

  call(id: number, name: string, args: object, task?: object): void {
    this.send(id, 'tools/call', { name, arguments: args, ...(task && { task }) });
  }

  answer(id: number): Promise<Answer> {
    return eventually(
      () => {
        const found = this.answers.find((answer) => answer.id === id);
        expect(found).toBeDefined();
        return found!;
      },
      { timeout: 20_000 },
    );
  }

  kill(): void {
    this.child.kill('SIGKILL');
  }
}

const text = (content: string) => ({ content: [{ type: 'text', text: content }] });

describe('a rejection that nobody handles', () => {
  it('fails the background call that it belongs to, and no other; in the foreground it is only logged [A3]', async () => {
    const served = new Served();
    try {
      served.call(1, 'stray', { how: 'rejects', ms: 30_000 }, {});
      served.call(2, 'wait', { ms: 500 }, {});
      served.call(3, 'stray', { how: 'rejects', ms: 200 });
      const taskOf = async (id: number): Promise<string> => (await served.answer(id)).result!.task!.taskId;
      const [failing, waiting] = [await taskOf(1), await taskOf(2)];
      served.send(4, 'tasks/result', { taskId: failing });
      served.send(5, 'tasks/result', { taskId: waiting });
      expect((await served.answer(4)).result).toMatchObject({
        isError: true,
        content: [{ text: expect.stringMatching(/^stray failed\. Reference /) }],
      });
      expect((await served.answer(5)).result).toMatchObject(text('waited'));
      expect((await served.answer(3)).result).toMatchObject(text('survived'));
      const lines = served.errors.split('\n').filter((line) => line.includes('rejected and not handled'));
      expect(lines).toHaveLength(2);
      expect(lines.join()).toContain(`"component":"stray","key":"${failing}"`);
      expect(served.errors).toContain('STRAY_ERROR');
    } finally {
      served.kill();
    }
  });

  it.each([
    ['nothing', '"error":"undefined"'],
    ['trap', '"error":"Error'],
  ])(
    'is logged with what is known, also where no log can write what was rejected with: %s [A3]',
    async (how, error) => {
      const served = new Served();
      try {
        served.call(1, 'stray', { how, ms: 30_000 }, {});
        const { taskId } = (await served.answer(1)).result!.task!;
        await eventually(() => expect(served.errors).toContain('A promise was rejected and not handled'));
        const line = served.errors.split('\n').find((each) => each.includes('A promise was rejected and not handled'));
        expect(line).toContain(error);
        expect(line).toContain(`"component":"stray","key":"${taskId}"`);
      } finally {
        served.kill();
      }
    },
  );
});

describe('an exception that nobody catches', () => {
  it.each(['throws', 'emits'])(
    'fails its background call; the rest is answered before the process exits with 70: it %s [A3]',
    async (how) => {
      const served = new Served();
      try {
        served.call(1, 'wait', { ms: 1_000 });
        served.call(2, 'stray', { how, ms: 30_000 }, {});
        const { taskId } = (await served.answer(2)).result!.task!;
        served.send(3, 'tasks/result', { taskId });
        expect((await served.answer(3)).result).toMatchObject({ isError: true });
        expect((await served.answer(1)).result).toMatchObject(text('waited'));
        expect(await served.ended).toEqual([70, null]);
        expect(served.errors).toContain('thrown and not caught');
      } finally {
        served.kill();
      }
    },
  );

  it('in the foreground ends the process as well, after the answers [A3]', async () => {
    const served = new Served();
    try {
      served.call(1, 'stray', { how: 'throws', ms: 500 });
      expect((await served.answer(1)).result).toMatchObject(text('survived'));
      expect(await served.ended).toEqual([70, null]);
    } finally {
      served.kill();
    }
  });
});

describe('a worker process in which an exception is thrown that nobody catches', () => {
  it('fails the call that threw it, hands the others back and exits with 70 [A3]', async () => {
    const docket = new TestDocket();
    const at = { url: docket.url, name: docket.name };
    const worker = (): Promise<Ended> =>
      runNode([cli, 'worker', file], {
        env: { ...asBuilt, ERRAND_DOCKET_URL: at.url, ERRAND_DOCKET_NAME: at.name },
      });
    const logger = new Logger(() => undefined);
    const server = createServer({ name: 'stray', version: '1', components, logger, docket: { ...at, worker: false } });
    const client = await connect(server);
    try {
      const waiting = await client.callTool('wait', { ms: 3_000 }, { task: true });
      const first = worker();
      await waiting.wait({ state: 'working' });
      await eventually(async () => expect((await server.docket.stats()).states.running).toBe(1), { timeout: 20_000 });
      const failing = await client.callTool('stray', { how: 'throws', ms: 30_000 }, { task: true });
      expect(await failing.result()).toMatchObject({ isError: true });
      expect(await first).toMatchObject({ code: 70 });
      const record = await docket.redis.hgetall(`${docket.prefix}:execution:${waiting.taskId}`);
      expect(record).toMatchObject({ state: 'queued', attempt: '0', redelivered: '1' });
      expect(record).not.toHaveProperty('losses');
      expect(record).not.toHaveProperty('suspicions');
      await server.startWorker();
      expect(await waiting.result()).toMatchObject(text('waited'));
    } finally {
      await client.close();
      await server.close();
      await docket.dispose();
    }
  });
});

describe('a program that embeds a server', () => {
  const program = (guarded: boolean): string => `
    import { createServer, defineTool, installCrashGuard } from ${JSON.stringify(join(root, 'dist/index.js'))};
    const tool = defineTool({ name: 'tool', task: 'optional', run: () => 'made' });
    const server = createServer({ name: 's', version: '1', components: [tool] });
    const guard = ${guarded} ? installCrashGuard(server) : undefined;
    await server.listen();
    const count = () => ['unhandledRejection', 'uncaughtException'].map((event) => process.listenerCount(event));
    const before = count();
    guard?.uninstall();
    process.stdout.write(JSON.stringify([before, count()]));
    await server.close();
  `;
  it.each([
    [false, [0, 0]],
    [true, [1, 1]],
  ])('has the handlers only where it installs them: %s [A3]', async (guarded, expected) => {
    const { code, stdout, stderr } = await runNode(['--input-type=module', '--eval', program(guarded)]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual([expected, [0, 0]]);
  });
});
