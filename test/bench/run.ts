import { fork, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { CallToolResultSchema, CreateTaskResultSchema, type JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { errandServer, sdkServer, sdkTaskServer, waitingServer } from './servers.js';
import { atOnce, sideBySide, type Comparison, type Contender, type Effort } from './side-by-side.js';

const args = { item: 'a thing', amount: 3 };
const jiti = createRequire(import.meta.url)
  .resolve('jiti/package.json')
  .replace(/package\.json$/, 'lib/jiti-cli.mjs');

async function clientOf(server: { connect(transport: Transport): Promise<void> }): Promise<Client> {
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  await server.connect(theirs);
  const client = new Client({ name: 'bench', version: '1.0.0' }, { capabilities: {} });
  await client.connect(ours);
  return client;
}

async function foreground(): Promise<Comparison> {
  const [errand, sdk] = [await clientOf(errandServer()), await clientOf(sdkServer())];
  const contender = (name: string, client: Client) => ({
    name,
    run: async (count: number) => {
      for (let call = 0; call < count; call++) await client.callTool({ name: 'cost', arguments: args });
    },
  });
  return sideBySide(contender('errand', errand), contender('sdk', sdk), { count: 5_000, rounds: 41 });
}

async function submitAndWait(client: Client): Promise<void> {
  const params = { name: 'cost', arguments: args, task: { ttl: 60_000 } };
  const { task } = await client.request({ method: 'tools/call', params }, CreateTaskResultSchema);
  await client.request({ method: 'tasks/result', params: { taskId: task.taskId } }, CallToolResultSchema);
}

async function background(): Promise<Comparison> {
  const contender = (name: string, client: Client) => ({
    name,
    run: (count: number) => atOnce(16, count, () => submitAndWait(client)),
  });
  const [errand, sdk] = [await clientOf(errandServer()), await clientOf(sdkTaskServer(1))];
  return sideBySide(contender('errand', errand), contender('sdk', sdk), { count: 2_000, rounds: 21 });
}

/** One task after the other, each waited for before the next: how long a person waits. */
const tasksInTurn = (name: string, client: Client): Contender => ({
  name,
  run: async (count) => {
    for (let task = 0; task < count; task++) await submitAndWait(client);
  },
});

async function againstPolling(pollInterval: number, effort: Effort): Promise<Comparison> {
  const [errand, sdk] = [await clientOf(errandServer()), await clientOf(sdkTaskServer(pollInterval))];
  return sideBySide(tasksInTurn('errand', errand), tasksInTurn('sdk', sdk), effort);
}

async function againstPlainCall(): Promise<Comparison> {
  const [tasks, calls] = [await clientOf(errandServer()), await clientOf(errandServer())];
  const plain: Contender = {
    name: 'call',
    run: async (count) => {
      for (let call = 0; call < count; call++) await calls.callTool({ name: 'cost', arguments: args });
    },
  };
  return sideBySide(tasksInTurn('task', tasks), plain, { count: 2_000, rounds: 21 });
}

/** A client of a server on which tasks are open, and asking which costs little itself. */
interface Crowd {
  readonly taskIds: readonly string[];
  readonly request: (method: string, params: object) => Promise<{ nextCursor?: string; task: { taskId: string } }>;
}

async function crowdOf(count: number): Promise<Crowd> {
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  await waitingServer().connect(theirs);
  const client = new Client({ name: 'bench', version: '1.0.0' }, { capabilities: { elicitation: {} } });
  await client.connect(ours);
  // Nobody answers what is asked, so that the tasks stay open.
  const answers = new Map<unknown, (message: JSONRPCMessage) => void>();
  const receive = ours.onmessage!;
  ours.onmessage = (message, extra) => {
    if ('method' in message && message.method === 'ping') receive(message, extra);
    else if ('result' in message) answers.get(message.id)?.(message);
  };
  let id = 1_000;
  const request: Crowd['request'] = async (method, params) => {
    const answered = new Promise<JSONRPCMessage>((resolve) => answers.set(++id, resolve));
    const own = id;
    await ours.send({ jsonrpc: '2.0', id: own, method, params: { ...params } });
    const answer = await answered;
    answers.delete(own);
    return (answer as unknown as { result: Awaited<ReturnType<Crowd['request']>> }).result;
  };
  const taskIds: string[] = [];
  while (taskIds.length < count) {
    taskIds.push((await request('tools/call', { name: 'wait', arguments: {}, task: {} })).task.taskId);
  }
  return { taskIds, request };
}

/** Asks for `asked` of the tasks in turn. Where these are few, the processor has them in its cache. */
async function getAmong(many: number, few: number, asked: number): Promise<Comparison> {
  const contender = ({ taskIds, request }: Crowd): Contender => ({
    name: `${taskIds.length} open`,
    run: async (count) => {
      const ids = taskIds.filter((_id, at) => at % Math.ceil(taskIds.length / asked) === 0);
      for (let each = 0; each < count; each++) await request('tasks/get', { taskId: ids[each % ids.length] });
    },
  });
  return sideBySide(contender(await crowdOf(many)), contender(await crowdOf(few)), { count: 5_000, rounds: 41 });
}

/** A full page, because a page costs what it holds: of many in the middle, of few the first. */
async function pageAmong(many: number, few: number): Promise<Comparison> {
  const contender = ({ taskIds, request }: Crowd, cursor: string | undefined): Contender => ({
    name: `${taskIds.length} open`,
    run: async (count) => {
      for (let each = 0; each < count; each++) await request('tasks/list', { cursor });
    },
  });
  const crowd = await crowdOf(many);
  let cursor: string | undefined;
  for (let page = 0; page < many / 100; page++) cursor = (await crowd.request('tasks/list', { cursor })).nextCursor;
  return sideBySide(contender(crowd, cursor), contender(await crowdOf(few), undefined), { count: 500, rounds: 41 });
}

const httpServer = fileURLToPath(new URL('http-server.ts', import.meta.url));

/** Compares servers in processes of their own: each is this file or that of another checkout, and its argument. */
async function http(ours: readonly [file: string, name: string], theirs: typeof ours): Promise<Comparison> {
  const processes: ChildProcess[] = [];
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  const contender = async ([file, name]: typeof ours) => {
    const child = fork(jiti, [file, name]);
    processes.push(child);
    const [url] = (await once(child, 'message')) as [string];
    const call = await openSession(url, agent);
    return { name, run: (count: number) => atOnce(16, count, call) };
  };
  try {
    return await sideBySide(await contender(ours), await contender(theirs), { count: 3_000, rounds: 21 });
  } finally {
    agent.destroy();
    for (const child of processes) child.kill('SIGKILL');
  }
}

/** A client that costs little, so that what is measured is the server. */
async function openSession(url: string, agent: Agent): Promise<() => Promise<void>> {
  let session: string | undefined;
  let id = 0;
  const post = (body: object): Promise<string> =>
    new Promise((resolve, reject) => {
      const headers = {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...(session !== undefined && { 'mcp-session-id': session }),
      };
      const sent = request(url, { method: 'POST', agent, headers }, (response) => {
        session ??= response.headers['mcp-session-id'] as string | undefined;
        let text = '';
        response
          .setEncoding('utf8')
          .on('data', (chunk: string) => (text += chunk))
          .on('end', () => resolve(text));
      });
      sent.on('error', reject).end(JSON.stringify({ jsonrpc: '2.0', ...body }));
    });
  const clientInfo = { name: 'bench', version: '1.0.0' };
  await post({
    id: id++,
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo },
  });
  await post({ method: 'notifications/initialized' });
  return async () => {
    const answer = await post({ id: id++, method: 'tools/call', params: { name: 'cost', arguments: args } });
    if (!answer.includes('cost: 21')) throw new Error(`Unexpected answer: ${answer}`);
  };
}

async function importTime(): Promise<Comparison> {
  const contender = (name: string, modules: string[]) => ({
    name,
    run: async (count: number) => {
      const code = modules.map((each) => `await import(${JSON.stringify(each)});`).join('');
      for (let each = 0; each < count; each++) {
        const { status } = spawnSync(process.execPath, ['--input-type=module', '-e', code]);
        if (status !== 0) throw new Error(`Importing ${name} failed`);
      }
    },
  });
  const sdk = ['reflect-metadata', '@modelcontextprotocol/sdk/server/index.js', 'zod', 'tsyringe'];
  return sideBySide(contender('errand', ['errand']), contender('sdk', sdk), { count: 3, rounds: 15 });
}

const head = (ours: string, theirs: string): void =>
  console.log(`${''.padEnd(58)} ${`${ours}/s`.padStart(10)} ${`${theirs}/s`.padStart(10)}`);

const row = (what: string, { ours, theirs }: Comparison, ratio: string): void =>
  console.log(`${what.padEnd(58)} ${ours.toFixed(1).padStart(10)} ${theirs.toFixed(1).padStart(10)}   ${ratio}`);

const slower = ({ timeRatio }: Comparison): string => `${timeRatio.toFixed(2)} times the time`;
const faster = ({ timeRatio }: Comparison, what: string): string => `${(1 / timeRatio).toFixed(2)} times the ${what}`;

console.log(`Node ${process.version}; each row measured side by side, in turns, in this run\n`);
head('errand', 'sdk');
const inMemory = await foreground();
row('foreground call, in memory (goal: time at most 1.0)', inMemory, slower(inMemory));
const overHttp = await http([httpServer, 'errand'], [httpServer, 'sdk']);
row('calls over HTTP, 16 at once (goal: at least 1.4)', overHttp, faster(overHttp, 'calls'));
const tasks = await background();
row('task, submit to result, memory, 16 at once', tasks, faster(tasks, 'tasks'));
const polled = await againstPolling(1, { count: 300, rounds: 11 });
row('task, submit to result, in turn; SDK looks every 1 ms', polled, faster(polled, 'tasks'));
const polledSlowly = await againstPolling(1_000, { count: 2, rounds: 3 });
row('the same; SDK looks every second, its default', polledSlowly, faster(polledSlowly, 'tasks'));
const imports = await importTime();
row('import, against SDK + zod + tsyringe (goal: 1.15)', imports, slower(imports));

/** The built checkout of an earlier commit. What a guard costs shows in calls over HTTP, which meet all of them. */
const before = process.env['ERRAND_BENCH_BEFORE'];
if (before !== undefined) {
  console.log();
  head('now', 'before');
  const guarded = await http([httpServer, 'errand'], [join(before, 'test/bench/http-server.ts'), 'errand']);
  row('calls over HTTP against ERRAND_BENCH_BEFORE (goal: 1.03)', guarded, slower(guarded));
}

console.log();
head('task', 'call');
const roundTrip = await againstPlainCall();
row('task, submit to result, against a call of the same tool', roundTrip, slower(roundTrip));

console.log();
head('many', 'few');
const gets = await getAmong(10_000, 10, 10);
row('tasks/get of ten, 10,000 open against 10 (goal: 1.0)', gets, slower(gets));
const coldGets = await getAmong(10_000, 10, 10_000);
row('tasks/get of all in turn, 10,000 open against 10', coldGets, slower(coldGets));
const pages = await pageAmong(10_000, 51);
row('a full page of tasks/list, 10,000 open against 51 (1.0)', pages, slower(pages));
process.exit(0);
