import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { createServer, Socket, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Where a server is unpacked: a test that must find none names another folder. */
const cache = process.env['ERRAND_TEST_CACHE'] ?? fileURLToPath(new URL('../../.cache', import.meta.url));

/** How to start a Redis server on this machine. */
export interface RedisProgram {
  readonly command: string;
  readonly env: NodeJS.ProcessEnv;
}

/** A Redis server of its own, with no data and none kept. */
export interface RedisServer {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  /** Ends it, by default in the friendly way, and resolves when it has ended. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** How a server is started. */
export interface RedisStart {
  /** Default: one that is free. */
  readonly port?: number;
  /** A file of settings that the server may write. */
  readonly config?: string;
  /** Arguments for the server. */
  readonly args?: readonly string[];
}

/** Starts a server on this machine. */
export async function startRedis(options: RedisStart = {}): Promise<RedisServer> {
  const program = await findRedis();
  // Between the choice of a free port and its use, somebody else may take it.
  for (let tries = 1; ; tries++) {
    const port = options.port ?? (await freePort());
    try {
      return await start(program, port, options);
    } catch (error) {
      if (tries === 5) throw error;
    }
  }
}

/** The program on the PATH, or one that is unpacked from the packages of the distribution into a cache. */
export async function findRedis(): Promise<RedisProgram> {
  for (const command of ['redis-server', 'valkey-server']) {
    const program = { command, env: process.env };
    if (await works(program)) return program;
  }
  const folder = join(cache, 'redis');
  const cached = await programIn(folder);
  if (cached && (await works(cached))) return cached;
  await unpackRedis(folder);
  const unpacked = await programIn(folder);
  if (unpacked && (await works(unpacked))) return unpacked;
  throw new Error(`The Redis server unpacked into ${folder} does not run. Remove the folder, or install redis-server.`);
}

async function works({ command, env }: RedisProgram): Promise<boolean> {
  return run(command, ['--version'], { env }).then(
    () => true,
    () => false,
  );
}

/** Libraries that the machine has already are not among those that were unpacked. */
async function programIn(folder: string): Promise<RedisProgram | undefined> {
  const command = join(folder, 'usr', 'bin', 'redis-server');
  if (!existsSync(command)) return undefined;
  const lib = join(folder, 'usr', 'lib');
  const names = await readdir(lib).catch((): string[] => []);
  const libraries = names.filter((name) => name.endsWith('-linux-gnu')).map((name) => join(lib, name));
  const path = [...libraries, process.env['LD_LIBRARY_PATH']].filter(Boolean).join(':');
  return { command, env: { ...process.env, LD_LIBRARY_PATH: path } };
}

/**
 * Fetches what apt would install and unpacks it, without being root. The folder appears whole or not at all, so that two
 * runs may do this at once and one that is killed leaves nothing half written.
 */
async function unpackRedis(folder: string): Promise<void> {
  await mkdir(cache, { recursive: true });
  const work = await mkdtemp(join(cache, 'unpacking-'));
  try {
    const path = (...names: string[]): string => join(work, ...names);
    for (const parts of [
      ['root'],
      ['log'],
      ['state', 'lists', 'partial'],
      ['archives', 'archives', 'partial'],
    ] as const) {
      await mkdir(path(...parts), { recursive: true });
    }
    const settings = {
      'Dir::State': path('state'),
      'Dir::State::status': '/var/lib/dpkg/status',
      'Dir::Cache': path('archives'),
      'Dir::Log': path('log'),
      'Debug::NoLocking': '1',
      'APT::Sandbox::User': '',
      'Acquire::Retries': '2',
      'Acquire::http::Timeout': '20',
    };
    const apt = (...args: string[]): Promise<unknown> =>
      run('apt-get', [
        '-qq',
        ...Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
        ...args,
      ]);
    await apt('update');
    await apt('install', '--yes', '--no-install-recommends', '--download-only', 'redis-server');
    for (const name of await readdir(path('archives', 'archives'))) {
      if (name.endsWith('.deb')) await run('dpkg', ['-x', path('archives', 'archives', name), path('root')]);
    }
    // What is there does not run; another run may be replacing it as well.
    await rename(folder, path('broken')).catch(() => undefined);
    await rename(path('root'), folder).catch(async (error: unknown) => {
      if (!(await programIn(folder))) throw error;
    });
  } catch (cause) {
    const advice = 'Set ERRAND_TEST_REDIS_URL, or install redis-server.';
    throw new Error(`There is no Redis for the tests, and it cannot be fetched from the distribution. ${advice}`, {
      cause,
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** A port of this machine that nobody uses now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject).listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

async function start(program: RedisProgram, port: number, { config, args = [] }: RedisStart): Promise<RedisServer> {
  const child = spawn(
    program.command,
    [
      ...(config === undefined ? [] : [config]),
      ...['--bind', '127.0.0.1', '--port', String(port), '--save', '', '--appendonly', 'no'],
      // Nothing is read that lies about, and what a replica writes to take over its master's data is removed again.
      ...['--dir', tmpdir(), '--dbfilename', `errand-${port}.rdb`, '--rdb-del-sync-files', 'yes'],
      ...args,
    ],
    { env: program.env, stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  if (child.pid !== undefined) {
    const stopGuarding = guard(child.pid);
    void ended.then(stopGuarding);
  }
  await ready(child);
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    pid: child.pid as number,
    stop(signal = 'SIGTERM') {
      child.kill(signal);
      return ended;
    },
  };
}

/** Ends a server with the process that has started it, even where that is killed: then the pipe to the guard breaks. */
function guard(pid: number): () => void {
  const script = 'cat >/dev/null; kill -9 "$0"';
  const shell = spawn('sh', ['-c', script, String(pid)], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  shell.unref();
  if (shell.stdin instanceof Socket) shell.stdin.unref();
  return () => {
    if (shell.pid !== undefined) process.kill(-shell.pid, 'SIGKILL');
  };
}

function ready(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let output = '';
    child.once('error', reject);
    child.once('close', () => reject(new Error(`redis-server ended at its start: ${output.slice(-500)}`)));
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-5_000);
      // The second is what a Sentinel says.
      if (/ready to accept connections|\+monitor master/i.test(output)) resolve();
    });
  });
}

/** A name for a docket that nobody else has. */
export const freshName = (): string => `test-${randomUUID()}`;
