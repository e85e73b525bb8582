import { fork, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { InMemoryTransport } from '@modelcontextprotocol/sdk/inMemory.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { CallToolResultSchema, CreateTaskResultSchema } from '@modelcontextprotocol/sdk/types.js';
import { errandServer, sdkServer, sdkTaskServer } from './servers.js';
import { atOnce, sideBySide, type Comparison } from './side-by-side.js';

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

async function background(): Promise<Comparison> {
  const [errand, sdk] = [await clientOf(errandServer()), await clientOf(sdkTaskServer())];
  const submitAndWait = async (client: Client): Promise<void> => {
    const params = { name: 'cost', arguments: args, task: { ttl: 60_000 } };
    const { task } = await client.request({ method: 'tools/call', params }, CreateTaskResultSchema);
    await client.request({ method: 'tasks/result', params: { taskId: task.taskId } }, CallToolResultSchema);
  };
  const contender = (name: string, client: Client) => ({
    name,
    run: (count: number) => atOnce(16, count, () => submitAndWait(client)),
  });
  return sideBySide(contender('errand', errand), contender('sdk', sdk), { count: 2_000, rounds: 21 });
}

async function http(): Promise<Comparison> {
  const file = fileURLToPath(new URL('http-server.ts', import.meta.url));
  const processes: ChildProcess[] = [];
  const agent = new Agent({ keepAlive: true, maxSockets: 16 });
  const contender = async (name: string) => {
    const child = fork(jiti, [file, name]);
    processes.push(child);
    const [url] = (await once(child, 'message')) as [string];
    const call = await openSession(url, agent);
    return { name, run: (count: number) => atOnce(16, count, call) };
  };
  try {
    return await sideBySide(await contender('errand'), await contender('sdk'), { count: 3_000, rounds: 21 });
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

const row = (what: string, { ours, theirs }: Comparison, ratio: string): void =>
  console.log(`${what.padEnd(52)} ${ours.toFixed(1).padStart(10)} ${theirs.toFixed(1).padStart(10)}   ${ratio}`);

console.log(`Node ${process.version}; each row measured side by side, in turns, in this run\n`);
console.log(`${''.padEnd(52)} ${'errand/s'.padStart(10)} ${'sdk/s'.padStart(10)}`);
const inMemory = await foreground();
row('foreground call, in memory (goal: time at most 1.0)', inMemory, `${inMemory.timeRatio.toFixed(2)} times the time`);
const overHttp = await http();
row(
  'calls over HTTP, 16 at once (goal: at least 1.4)',
  overHttp,
  `${(1 / overHttp.timeRatio).toFixed(2)} times the calls`,
);
const tasks = await background();
row('task, submit to result, memory, 16 at once', tasks, `${(1 / tasks.timeRatio).toFixed(2)} times the tasks`);
const imports = await importTime();
row('import, against SDK + zod + tsyringe (goal: 1.15)', imports, `${imports.timeRatio.toFixed(2)} times the time`);
process.exit(0);
