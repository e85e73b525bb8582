import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { constants } from 'node:os';
import { createServer, type AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';
// Finds a Redis as the tests of this repository do: on the PATH, or unpacked without installing anything.
import { findRedis } from '../../test/helpers/redis-server.js';
import { importCatalogue, type Surroundings } from './client.js';
import { Processes, Trouble } from './processes.js';

const run = promisify(execFile);
const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

/** Time limit of the whole run, in milliseconds. It usually takes about ten seconds. */
const longest = 120_000;

const began = performance.now();
const print = (line: string): void => {
  console.log(`${((performance.now() - began) / 1_000).toFixed(1).padStart(5)} s  ${line}`);
};

/** Starts two nodes and two workers, each in its own process, on an existing Redis or on one started for them. */
async function startFleet(processes: Processes): Promise<Omit<Surroundings, 'print'>> {
  print('starting two nodes and two workers');
  const env = {
    ERRAND_DOCKET_URL: process.env.ERRAND_DOCKET_URL ?? (await startRedis(processes)),
    // Keeps apart two runs on the same Redis.
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
  print(`started: ${processes.pids.join(', ')}`);
  print(`node A listens on ${nodeA}, node B on ${nodeB}`);
  return { nodes: [nodeA, nodeB], kill: (name) => processes.kill(name) };
}

async function startRedis(processes: Processes): Promise<string> {
  const { command, env } = await findRedis().catch((error: unknown) => {
    throw new Trouble(
      `No Redis was found: install one (apt install redis-server, brew install redis), set ERRAND_DOCKET_URL to a running one, or use Docker as samples/worker-fleet/README.md says. ${String(error)}`,
    );
  });
  const port = String(await freePort());
  // Saves nothing, and does not load a dump that happens to be in the current folder.
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

/** Uses the running fleet of compose.yaml. */
async function composedFleet(): Promise<Omit<Surroundings, 'print'>> {
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

/** Rejects when the run is interrupted or takes too long. */
function interruption(): Promise<never> {
  return new Promise((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      // `on`, not `once`: the terminal signals npm and this program, and npm signals this program again.
      process.on(signal, () => {
        process.exitCode = 128 + constants.signals[signal];
        reject(new Trouble(`Stopped by ${signal}.`));
      });
    }
    setTimeout(() => reject(new Trouble(`It has not ended after ${longest / 1_000} seconds.`)), longest).unref();
  });
}

/** Runs on this machine, or with `--compose` in containers. */
async function main(processes: Processes): Promise<void> {
  const { compose } = parseArgs({ options: { compose: { type: 'boolean' } } }).values;
  await importCatalogue({ ...(await (compose === true ? composedFleet() : startFleet(processes))), print });
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
if (process.exitCode === undefined) print('everything started here has been stopped');
// Exits despite what an interrupted client has left open, but gives readers some time to read the output first.
const read = [process.stdout, process.stderr].map((stream) => new Promise((resolve) => stream.write('', resolve)));
await Promise.race([Promise.all(read), sleep(10_000)]);
process.exit();
