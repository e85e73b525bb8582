import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { root, runNode } from '../helpers/child.js';
import { eventually } from '../helpers/eventually.js';
import { TestDocket } from '../helpers/redis.js';

const program = ['node_modules/jiti/lib/jiti-cli.mjs', 'samples/worker-fleet/start.ts'];

/** Starts processes that compile their server, beside all other tests. */
const timeout = 90_000;

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Removes the catalogues, of which each has an end of its own. */
async function removeCatalogues(url: string): Promise<void> {
  const redis = new Redis(url);
  try {
    const keys = await redis.keys('worker-fleet-catalogue:*');
    expect(keys).not.toEqual([]);
    for (const key of keys) expect(await redis.ttl(key)).toBeGreaterThan(0);
    await redis.del(keys);
  } finally {
    redis.disconnect();
  }
}

describe('samples/worker-fleet', () => {
  let child: ChildProcess | undefined;

  afterEach(async () => {
    if (child !== undefined && (child.exitCode ?? child.signalCode) === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    child = undefined;
  });

  it(
    'carries an import through the death of its worker, and its client is content',
    async () => {
      const docket = new TestDocket();
      const env = { ERRAND_DOCKET_URL: docket.url, ERRAND_DOCKET_NAME: docket.name };
      const { code, stdout, stderr } = await runNode(program, { env });
      try {
        expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
        const killed = /(worker-\d) is killed/.exec(stdout)?.[1] ?? 'nobody';
        const other = killed === 'worker-1' ? 'worker-2' : 'worker-1';
        expect(stdout).toContain(`${killed} imported Aalto`);
        expect(stdout).toContain(`${other} has finished what ${killed} began`);
        expect(stdout.match(/node B asks/g)).toHaveLength(2);
        expect(stdout).toContain('everything started here has been stopped');
        await removeCatalogues(docket.url);
      } finally {
        await docket.dispose();
      }
    },
    timeout,
  );

  it(
    'starts a Redis of its own, and stops all that it has started when it is told to end',
    async () => {
      const { ERRAND_DOCKET_URL: _url, ERRAND_DOCKET_NAME: _name, ...env } = process.env;
      child = spawn(process.execPath, program, {
        cwd: root,
        env: { ...env, NODE_OPTIONS: '' },
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const ended = once(child, 'exit');
      let story = '';
      child.stdout?.setEncoding('utf8').on('data', (text: string) => (story += text));
      const started = await eventually(() => expect(story).toMatch(/started: .*\n/), { timeout: timeout / 2 }).then(
        () =>
          new Map(
            [...story.matchAll(/([a-z]+(?:-[ab12])?) (\d+)(?=,|\n)/g)].map(([, name = '', pid]) => [name, Number(pid)]),
          ),
      );
      expect([...started.keys()].sort()).toEqual(['node-a', 'node-b', 'redis', 'worker-1', 'worker-2']);
      expect([...started.values()].filter(isAlive)).toHaveLength(5);
      child.kill('SIGINT');
      expect(await ended).toEqual([130, null]);
      expect([...started.values()].filter(isAlive)).toEqual([]);
    },
    timeout,
  );

  it('says what to do where there is no Redis', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'errand-no-redis-'));
    try {
      const { code, stderr } = await runNode(program, { env: { PATH: folder, ERRAND_TEST_CACHE: folder } });
      expect(code).toBe(1);
      expect(stderr).toContain('No Redis was found: install one');
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
