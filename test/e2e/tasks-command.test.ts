import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { tasksCommand } from '../../src/cli/commands/tasks.js';
import { workersCommand } from '../../src/cli/commands/workers.js';
import { connect } from '../../src/client/connect.js';
import { Context, createServer, defineJob, defineTool, Logger, Progress, type ErrandServer } from '../../src/index.js';
import { asBuilt, cli, fixtureFile, runNode, type Ended } from '../helpers/child.js';
import { runHere } from '../helpers/command.js';
import { eventually } from '../helpers/eventually.js';
import { Gate } from '../helpers/gate.js';
import { TestDocket } from '../helpers/redis.js';
import { readSlowly } from '../helpers/slow-reader.js';

let docket: TestDocket;
let server: ErrandServer;
let gate: Gate;
let disk: string;
const running: ChildProcess[] = [];

const greet = defineJob({
  name: 'greet',
  input: z.object({ name: z.string() }),
  run: ({ name }) => `Hello ${name}`,
});
const store = defineJob({
  name: 'store',
  input: z.object({ password: z.string() }),
  run: () => {
    if (disk !== 'mended') throw new Error(disk);
    return 'stored';
  },
});
const slow = defineJob({
  name: 'slow',
  inject: [Progress],
  run: async (_input, progress) => {
    await progress.setTotal(2);
    await progress.increment();
    await gate.stop();
    return 'at last';
  },
});
const publish = defineTool({
  name: 'publish',
  task: 'required',
  inject: [Context],
  run: async (_input, ctx) => (await ctx.elicit('Publish it?', z.boolean())).action,
});

const broken = defineTool({
  name: 'broken',
  task: 'required',
  run: () => {
    throw new Error('broken');
  },
});

beforeEach(() => {
  disk = 'no \u001b[2J\u202edisk';
  gate = new Gate();
  docket = new TestDocket();
  server = createServer({
    name: 'tasks-command',
    version: '1.2.3',
    components: [greet, store, slow, publish, broken],
    grace: '1s',
    docket: { url: docket.url, name: docket.name, worker: false },
    logger: new Logger(() => undefined),
  });
});

afterEach(async () => {
  for (const child of running.splice(0)) child.kill('SIGKILL');
  await server.close();
  await docket.dispose();
});

const environment = (): Record<string, string> => ({
  ...asBuilt,
  ERRAND_DOCKET_URL: docket.url,
  ERRAND_DOCKET_NAME: docket.name,
});

/** In a process of its own. */
const spawned = (...args: string[]): Promise<Ended> => runNode([cli, ...args], { env: environment() });

const commands = { tasks: tasksCommand, workers: workersCommand };

/** In this process, one at a time. */
const errand = (name: keyof typeof commands, ...args: string[]): Promise<Ended> =>
  runHere(commands[name], ['--docket-url', docket.url, '--docket-name', docket.name, ...args]);

const jsonOf = ({ code, stdout, stderr }: Ended): Record<string, unknown>[] => {
  expect([code, stderr]).toEqual([0, '']);
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
};

/** A command that goes on until it is stopped, with what it has printed so far. */
function follow(...args: string[]): { child: ChildProcess; out: () => string } {
  const child = spawn(process.execPath, [cli, ...args], { env: { ...process.env, ...environment() } });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
  child.stderr.resume();
  running.push(child);
  return { child, out: () => printed };
}

describe('errand tasks', () => {
  it('lists what is in a docket, for people and for programs', async () => {
    for (const key of ['a', 'b']) await server.docket.add(greet, { name: key }, { key });
    await server.docket.add(slow, undefined, { key: 'later', when: '1h' });
    const all = await errand('tasks', 'ls', '--json');
    const some = await errand('tasks', 'ls', '--json', '--state', 'queued', '--component', 'greet', '--limit', '1');
    const nothing = await errand('tasks', 'dead');
    const [text, byServer] = await Promise.all([
      spawned('tasks', 'ls'),
      runNode([cli, 'tasks', 'ls', '--json', '--server', fixtureFile('errands.ts'), '--docket-name', docket.name], {
        env: { ...asBuilt, ERRAND_DOCKET_URL: docket.url },
      }),
    ]);
    expect(text).toMatchObject({ code: 0, stderr: '' });
    const lines = text.stdout.split('\n');
    expect(lines[0]).toMatch(/^KEY +COMPONENT +STATE +ATTEMPT +ADDED/);
    expect(lines[1]).toMatch(/^later +slow +scheduled +0 +\d+s ago +due 2\d{3}-/);
    expect(lines.slice(2)).toEqual([
      expect.stringMatching(/^b +greet +queued /),
      expect.stringMatching(/^a +greet /),
      '',
    ]);
    expect(jsonOf(all).map(({ key, state }) => [key, state])).toEqual([
      ['later', 'scheduled'],
      ['b', 'queued'],
      ['a', 'queued'],
    ]);
    expect(jsonOf(some)).toEqual([expect.objectContaining({ key: 'b', isTask: false, attempt: 0 })]);
    expect(nothing).toMatchObject({ code: 0, stdout: '', stderr: 'No executions found.\n' });
    // The file is asked for what is not said; nothing of it runs.
    expect(jsonOf(byServer)).toHaveLength(3);
    expect((await server.docket.stats()).states).toMatchObject({ queued: 2, scheduled: 1 });
  });

  it('shows one with its questions, and no secret of it', async () => {
    const worker = await server.startWorker();
    const client = await connect(server, { onElicit: () => new Promise(() => undefined) });
    const { taskId } = await client.callTool('publish', {}, { task: true });
    await eventually(async () => expect((await server.docket.stats()).openQuestions).toBe(1));
    await server.docket.add(store, { password: 'hunter2' }, { key: 'store' });
    await eventually(async () => expect((await server.docket.stats()).states.failed).toBe(1));
    const failed = await errand('tasks', 'show', 'store');
    const input = await errand('tasks', 'show', 'store', '--input');
    const json = await errand('tasks', 'show', taskId, '--json');
    const [task, unknown] = await Promise.all([spawned('tasks', 'show', taskId), spawned('tasks', 'show', 'nobody')]);
    expect(task).toMatchObject({ code: 0, stderr: '' });
    expect(task.stdout).toMatch(/^state +running$/m);
    expect(task.stdout).toMatch(/^asked by +a client, as a task$/m);
    expect(task.stdout).toMatch(/^questions\n {2}\S+ \(elicitation, open until 2\d{3}-.*\): Publish it\?$/m);
    expect(failed.stdout).toMatch(/^attempt +1 of 1$/m);
    expect(failed.stdout).toMatch(/^error +\S+: no \\u\{1b\}\[2J\\u\{202e\}disk$/m);
    expect(failed.stdout).not.toContain('hunter2');
    expect(input.stdout).toMatch(/^input +\{"password":"hunter2"\}$/m);
    expect(jsonOf(json)).toEqual([
      expect.objectContaining({
        key: taskId,
        isTask: true,
        questions: [expect.objectContaining({ message: 'Publish it?', isAnswered: false })],
      }),
    ]);
    expect(JSON.stringify(jsonOf(json))).not.toContain('snapshot');
    expect(unknown).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining("has the key 'nobody'") });
    await server.docket.cancel(taskId);
    await client.close();
    await worker.stop();
  });

  it('finds what is dead and runs it again, and escapes what a terminal would obey', async () => {
    const worker = await server.startWorker();
    await server.docket.add(store, { password: 'hunter2' }, { key: 'st\u001b]0;ore' });
    await eventually(async () => expect((await server.docket.stats()).states.failed).toBe(1));
    const [text, json] = [await errand('tasks', 'dead'), await errand('tasks', 'dead', '--json')];
    expect(text.stdout).toMatch(/^st\\u\{1b\}\]0;ore +store +\d+s ago +\S+: no \\u\{1b\}\[2J\\u\{202e\}disk$/m);
    expect(text.stdout + json.stdout).not.toMatch(/[\u001b\u202e]|hunter2/);
    expect(jsonOf(json)).toMatchObject([{ key: 'st\u001b]0;ore', error: { message: 'no \u001b[2J\u202edisk' } }]);
    disk = 'mended';
    expect(await errand('tasks', 'retry', 'st\u001b]0;ore')).toMatchObject({
      code: 0,
      stdout: 'Queued st\\u{1b}]0;ore again\n',
    });
    expect(await (await server.docket.get('st\u001b]0;ore'))?.result()).toBe('stored');
    expect(await errand('tasks', 'retry', 'st\u001b]0;ore')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('is completed. Only a failed one'),
    });
    await worker.stop();
  });

  it('is read to its end by a slow reader, however much it prints [A7]', async () => {
    const long = 'x'.repeat(500);
    const keys = Array.from({ length: 600 }, (_, index) => `${index} ${long}`);
    await Promise.all(keys.map((key) => server.docket.add(greet, { name: 'x' }, { key })));
    await server.docket.add(greet, { name: 'x'.repeat(500_000) }, { key: 'large' });
    const slowly = async (...args: string[]): Promise<string> => {
      const child = spawn(process.execPath, [cli, 'tasks', ...args], { env: { ...process.env, ...environment() } });
      running.push(child);
      const exited = once(child, 'exit');
      const output = await readSlowly(child.stdout);
      expect(await exited).toEqual([0, null]);
      return output;
    };
    const [listed, shown] = await Promise.all([
      slowly('ls', '--json', '--limit', '1000'),
      slowly('show', 'large', '--input'),
    ]);
    const lines = listed.split('\n').slice(0, -1);
    expect(new Set(lines.map((line) => (JSON.parse(line) as { key: string }).key))).toEqual(
      new Set([...keys, 'large']),
    );
    expect(shown).toMatch(/x{500000}/);
  });

  it('cancels, and says when there is nothing to cancel any more', async () => {
    await server.docket.add(greet, { name: 'x' }, { key: '--odd' });
    expect(await errand('tasks', 'cancel', '--reason', 'not wanted', '--', '--odd')).toMatchObject({
      code: 0,
      stdout: 'Cancelled --odd\n',
    });
    await expect((await server.docket.get('--odd'))!.result()).rejects.toThrow('was cancelled: not wanted');
    expect(await errand('tasks', 'cancel', '--', '--odd')).toMatchObject({
      code: 1,
      stdout: '',
      stderr: "errand: Execution '--odd' had already ended.\n",
    });
  });

  it('follows one to its end, and everything until it is stopped', async () => {
    const everything = follow('tasks', 'watch', '--json');
    const one = await server.docket.add(slow, undefined, { key: 'one' });
    const following = follow('tasks', 'watch', 'one');
    await eventually(() => expect(following.out()).toMatch(/one {2}slow {2}queued\n/), { timeout: 25_000 });
    const worker = await server.startWorker();
    await eventually(() => expect(following.out()).toMatch(/one {2}slow {2}running {2}1 of 2\n/), { timeout: 25_000 });
    await gate.pass();
    await one.result();
    expect(await once(following.child, 'exit')).toEqual([0, null]);
    expect(following.out()).toMatch(/one {2}slow {2}completed\n$/);
    // It may have begun to watch only after the first was added.
    const seen = (): unknown[] =>
      everything
        .out()
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as unknown);
    await eventually(
      async () => {
        await (await server.docket.add(greet, { name: 'two' })).result();
        expect(seen()).toContainEqual(expect.objectContaining({ component: 'greet', state: 'completed' }));
      },
      { timeout: 25_000 },
    );
    everything.child.kill('SIGINT');
    expect(await once(everything.child, 'exit')).toEqual([0, null]);
    const failing = await server.docket.add(store, { password: '' });
    await expect(failing.result()).rejects.toThrow();
    const late = await spawned('tasks', 'watch', failing.key);
    expect(late).toMatchObject({ code: 1, stdout: expect.stringMatching(/ {2}store {2}failed\n$/) });
    await worker.stop();
  });

  it('[D8] finds a tool that has failed only for its client', async () => {
    const worker = await server.startWorker();
    const client = await connect(server);
    const task = await client.callTool('broken', {}, { task: true });
    expect(await task.result()).toMatchObject({ isError: true });
    const watched = await spawned('tasks', 'watch', task.taskId);
    const shown = await errand('tasks', 'show', task.taskId);
    const listed = await errand('tasks', 'ls');
    const json = await errand('tasks', 'ls', '--json');
    const [dead, failed] = [await errand('tasks', 'dead', '--json'), await errand('tasks', 'ls', '--state', 'failed')];
    const text = (await errand('tasks', 'dead')).stdout;
    expect(watched).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/ {2}completed {2}failed for its client\n$/),
    });
    expect(shown.stdout).toMatch(/^state +completed, failed for its client$/m);
    expect(listed.stdout).toMatch(/ broken +completed +1 +\d+s ago +failed for its client$/m);
    expect(jsonOf(json)).toMatchObject([{ state: 'completed', failedForClient: true }]);
    const told = expect.stringMatching(/^An internal error occurred|reference/i) as unknown;
    expect(jsonOf(dead)).toMatchObject([
      { key: task.taskId, state: 'completed', error: { code: 'isError', message: told } },
    ]);
    expect(text).toMatch(/ broken +\d+s ago +isError: .+$/m);
    expect(failed.stdout).toMatch(/ broken +completed /);
    expect(await server.docket.list({ failed: true })).toMatchObject({ executions: [{ key: task.taskId }] });
    expect(await server.docket.list({ state: 'failed' })).toMatchObject({ executions: [] });
    await client.close();
    await worker.stop();
  });

  it('[D8] tells what it does not understand, what was probably meant, and which docket it cannot look into', async () => {
    const refused = (ended: Ended, message: RegExp): void => {
      expect(ended.stderr).toMatch(message);
      expect([ended.code, ended.stdout]).toEqual([1, '']);
    };
    // This takes as long as it says.
    const unreachable = spawned('workers', '--docket-url', 'redis://127.0.0.1:1');
    const unknownOption = spawned('tasks', 'ls', '--fast');
    const nameless = runNode([cli, 'tasks', 'ls'], { env: { ERRAND_DOCKET_URL: docket.url } });
    refused(
      await errand('tasks'),
      /^errand: errand tasks does nothing by itself: give one of ls, .*\.\nUsage:\n {2}errand tasks ls/,
    );
    refused(await errand('tasks', 'lst'), /^errand: errand tasks has no 'lst': give one of ls, .*\.\nUsage:/);
    for (const [typed, meant] of Object.entries({
      list: 'ls',
      failed: 'dead',
      rety: 'retry',
      kill: 'cancel',
      SHOW: 'show',
    })) {
      refused(
        await errand('tasks', typed),
        new RegExp(`^errand: errand tasks has no '${typed}': .*; you probably mean ${meant}\\.\nUsage:`),
      );
    }
    refused(await errand('tasks', 'frobnicate'), /^errand: errand tasks has no 'frobnicate': .*, retry\.\nUsage:/);
    refused(await errand('tasks', 'show'), /^errand: errand tasks show needs the key of an execution\.\nUsage:/);
    refused(
      await errand('tasks', 'retry', 'a', 'b'),
      /^errand: errand tasks retry takes one key, and was given a, b\.\nUsage:/,
    );
    refused(await unknownOption, /^errand: Unknown option '--fast'\.\nUsage:/);
    refused(await errand('tasks', 'ls', '--reason', 'x'), /^errand: errand tasks ls has no --reason/);
    refused(await errand('tasks', 'ls', '--state', 'dead'), /^errand: --state is "dead"\. Give one of scheduled, /);
    refused(await errand('workers', 'x'), /^errand: errand workers takes no names, and was given x\.\nUsage:/);
    refused(
      await errand('tasks', 'ls', '--docket-url', 'memory://'),
      /^errand: The docket is at 'memory:\/\/': it lives in the memory/,
    );
    refused(await nameless, /^errand: Which docket\? .*--docket-name/);
    refused(
      await unreachable,
      /^errand: The Redis of the docket, redis:\/\/127\.0\.0\.1:1, could not be reached within 5000 ms: .*\n$/,
    );
  });
});

describe('errand workers', () => {
  it('lists who works on a docket', async () => {
    expect(await errand('workers')).toMatchObject({ code: 0, stdout: '', stderr: 'No worker is alive.\n' });
    const worker = await server.startWorker({ name: 'first', concurrency: 3 });
    await server.docket.add(slow);
    await eventually(async () => expect((await server.docket.stats()).states.running).toBe(1));
    const [text, json] = [await errand('workers'), await errand('workers', '--json')];
    const [headings, line] = text.stdout.split('\n');
    expect(headings).toMatch(/^NAME +VERSION +HOST +PID +RUNNING +WAITING +UP +COMPONENTS$/);
    expect(line).toMatch(
      new RegExp(`^first +1\\.2\\.3 +\\S+ +${process.pid} +\\d/3 +0 +\\d+s +greet store slow publish broken$`),
    );
    expect(jsonOf(json)).toEqual([expect.objectContaining({ name: 'first', version: '1.2.3', concurrency: 3 })]);
    await gate.pass();
    await worker.stop();
    await eventually(async () => expect(await server.docket.workers()).toEqual([]));
  });
});
