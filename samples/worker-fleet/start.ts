import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { constants } from 'node:os';
import { createServer, type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';
// A Redis is found as for the tests of this repository: on the PATH, or unpacked without installing anything.
import { findRedis } from '../../test/helpers/redis-server.js';
import { importCatalogue, type Surroundings } from './client.js';
import { Processes, Trouble } from './processes.js';

const run = promisify(execFile);
const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

/** How long all of it may take, in milliseconds. It takes about ten seconds. */
const longest = 120_000;

const began = performance.now();
const tell = (line: string): void => {
  console.log(`${((performance.now() - began) / 1_000).toFixed(1).padStart(5)} s  ${line}`);
};

/** Two nodes and two workers, each a process of its own, on the Redis that there is or one that is started for them. */
async function startFleet(processes: Processes): Promise<Omit<Surroundings, 'tell'>> {
  tell('starting two nodes and two workers');
  const env = {
    ERRAND_DOCKET_URL: process.env.ERRAND_DOCKET_URL ?? (await startRedis(processes)),
    // Two who run this on one Redis do not meet.
    ERRAND_DOCKET_NAME: process.env.ERRAND_DOCKET_NAME ?? `worker-fleet-${randomUUID()}`,
  };
  const errand = (name: string, ready: RegExp, ...[command, ...options]: [string, ...string[]]): Promise<string> => {
    const args = [here('../../dist/cli/main.js'), command, here('server.ts'), ...options];
    return processes.start({ name, command: process.execPath, args, env, ready });
  };
  const node = (name: string): Promise<string> => errand(name, /listens on (\S+)/, 'run', '--http', '0');
  const worker = (name: string): Promise<string> =>
    errand(name, /A worker has started/, 'worker', '--name', name, '--port', '0');
  const [nodeA, nodeB] = await Promise.all([node('node-a'), node('node-b'), worker('worker-1'), worker('worker-2')]);
  tell(`started: ${processes.pids.join(', ')}`);
  tell(`node A listens on ${nodeA}, node B on ${nodeB}`);
  return { nodes: [nodeA, nodeB], kill: (name) => processes.kill(name) };
}

async function startRedis(processes: Processes): Promise<string> {
  const { command, env } = await findRedis().catch((error: unknown) => {
    throw new Trouble(
      `There is no Redis to be had: install one (apt install redis-server, brew install redis), set ERRAND_DOCKET_URL to one that runs, or use Docker as samples/worker-fleet/README.md says. ${String(error)}`,
    );
  });
  const port = String(await freePort());
  // Nothing is kept, and no dump is read that lies in the folder from which this was started.
  const args = ['--bind', '127.0.0.1', '--port', port, '--save', '', '--appendonly', 'no', '--dir', here('.')];
  await processes.start({ name: 'redis', command, args, env, ready: /ready to accept connections/i });
  return `redis://127.0.0.1:${port}`;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject).listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** The fleet of compose.yaml, which runs already. */
async function composedFleet(): Promise<Omit<Surroundings, 'tell'>> {
  const [nodeA, nodeB] = ['http://127.0.0.1:3001', 'http://127.0.0.1:3002'] as const;
  for (const node of [nodeA, nodeB]) {
    const health = await fetch(`${node}/healthz`).catch(() => undefined);
    if (health?.ok !== true) {
      throw new Trouble(
        `No healthy node answers at ${node}: start the fleet with docker compose, as samples/worker-fleet/README.md says.`,
      );
    }
  }
  return {
    nodes: [`${nodeA}/mcp`, `${nodeB}/mcp`],
    async kill(worker) {
      await run('docker', ['compose', '--file', here('compose.yaml'), 'kill', '--signal', 'SIGKILL', worker]);
    },
  };
}

/** Rejects when somebody wants the end, or it takes too long. */
function interruption(): Promise<never> {
  return new Promise((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      // Again and again: the terminal tells npm and this program, and npm tells this program once more.
      process.on(signal, () => {
        process.exitCode = 128 + constants.signals[signal];
        reject(new Trouble(`Stopped by ${signal}.`));
      });
    }
    setTimeout(() => reject(new Trouble(`It has not ended after ${longest / 1_000} seconds.`)), longest).unref();
  });
}

/** Here, or with `--compose` in containers. */
async function main(processes: Processes): Promise<void> {
  const { compose } = parseArgs({ options: { compose: { type: 'boolean' } } }).values;
  await importCatalogue({ ...(await (compose === true ? composedFleet() : startFleet(processes))), tell });
}

const processes = new Processes();
try {
  await Promise.race([main(processes), processes.broken, interruption()]);
} catch (error) {
  process.exitCode ??= 1;
  for (const line of processes.lastLines) console.error(line);
  console.error(error instanceof Trouble ? error.message : error);
}
await processes.stop();
if (process.exitCode === undefined) tell('what was started here is stopped');
// Whatever a client that was interrupted has left open. What was printed is read first, unless its reader takes too long.
const read = [process.stdout, process.stderr].map((stream) => new Promise((resolve) => stream.write('', resolve)));
await Promise.race([Promise.all(read), sleep(10_000)]);
process.exit();
