import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createServer } from '../../src/server/create-server.js';
import { defineJob } from '../../src/components/define.js';
import { root } from '../helpers/child.js';
import { anAuthority, certificateOf, type Certificate } from '../helpers/certificates.js';
import { rejection } from '../helpers/raw-calls.js';
import { freePort, freshName, startRedis, type RedisServer } from '../helpers/redis-server.js';
import { TestDocket } from '../helpers/redis.js';
import { expectWholeWork } from './whole-work.js';
import type { RedisEngineOptions } from '../../src/redis/engine-options.js';

let folder: string;
let server: RedisServer;
/** The port of the same server that speaks TLS and asks nobody for a certificate, and that of one that does. */
let tlsPort: number;
let strict: RedisServer;
let strictPort: number;
let authority: Certificate;
let client: Certificate;
let dockets: TestDocket[] = [];

const socket = (): string => join(folder, 'a b.sock');

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'errand-tls-'));
  authority = await anAuthority();
  client = await certificateOf(authority, 'worker');
  const own = await certificateOf(authority);
  const files = { ca: authority.cert, cert: own.cert, key: own.key };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  const certificates = ['ca-cert', 'cert', 'key'].flatMap((name) => [
    `--tls-${name}-file`,
    join(folder, name.replace('ca-cert', 'ca')),
  ]);
  [tlsPort, strictPort] = [await freePort(), await freePort()];
  const tls = (port: number, clients: string): string[] => [
    ...['--tls-port', String(port), '--tls-auth-clients', clients],
    ...certificates,
  ];
  server = await startRedis({ args: ['--unixsocket', socket(), ...tls(tlsPort, 'no')] });
  strict = await startRedis({ args: tls(strictPort, 'yes') });
});

afterEach(async () => {
  for (const docket of dockets) await docket.dispose();
  dockets = [];
});

afterAll(async () => {
  await Promise.all([server.stop(), strict.stop()]);
  await rm(folder, { recursive: true, force: true });
});

/** An engine that works through another door of `at`, whose keys are looked after. */
async function expectWork(options: Partial<RedisEngineOptions>, at: RedisServer = server): Promise<void> {
  const docket = new TestDocket(at.url);
  dockets.push(docket);
  const engine = docket.engine(options);
  await engine.start();
  await expectWholeWork(engine);
}

/** How the start of an engine fails. It takes less than its deadline. */
async function refusal(options: Partial<RedisEngineOptions>): Promise<Error & { code?: unknown }> {
  const docket = new TestDocket(server.url);
  dockets.push(docket);
  const before = performance.now();
  const error = await rejection(docket.engine({ deadline: 3_000, ...options }).start());
  expect(performance.now() - before).toBeLessThan(2_900);
  return error;
}

describe('a docket by a socket file', () => {
  it('works', async () => {
    await expectWork({ url: `unix://${encodeURI(socket())}` });
  });

  it('has databases', async () => {
    const docket = new TestDocket(`${server.url}/3`);
    dockets.push(docket);
    const engine = docket.engine({ url: `unix://${encodeURI(socket())}?db=3` });
    await engine.start();
    expect(await docket.keys()).not.toEqual([]);
  });
});

describe('a docket of a user', () => {
  /** What the README says that a user needs. */
  const rights = '-@all +@read +@write -@dangerous +@connection +eval +evalsha +info +time ~{errand:*';
  const name = 'ann@work:1';
  const password = 'a/b c:d?e%f@g';
  const user = `${encodeURIComponent(name)}:${encodeURIComponent(password)}`;

  it('who may do no more than the README says works', async () => {
    expect(await readFile(join(root, 'README.md'), 'utf8')).toContain(`\`${rights}\``);
    const docket = new TestDocket(server.url);
    dockets.push(docket);
    await docket.redis.call('ACL', 'SETUSER', name, 'reset', 'on', `>${password}`, ...rights.split(' '));
    await docket.redis.call('ACL', 'LOG', 'RESET');
    const engine = docket.engine({ url: server.url.replace('//', `//${user}@`) });
    await engine.start();
    await expectWholeWork(engine);
    // What the library says of itself to Redis is the one thing that it need not be allowed.
    expect(await docket.redis.call('ACL', 'LOG')).toEqual([]);
  });

  it('who may not is refused at once, without the password', async () => {
    const docket = new TestDocket(server.url);
    dockets.push(docket);
    await docket.redis.call('ACL', 'SETUSER', name, 'reset', 'on', `>${password}`, '+@all', '~elsewhere');
    const error = await refusal({ url: server.url.replace('//', `//${user}@`) });
    expect(error).toMatchObject({ code: 'DOCKET_URL', message: expect.stringContaining('NOPERM') });
    expect(error.message).not.toContain('a/b');
    expect(error.message).not.toContain('ann');
  });
});

describe('a docket by TLS', () => {
  const url = (host = '127.0.0.1', port = tlsPort): string => `rediss://${host}:${port}`;

  it('works where the authority is known', async () => {
    await expectWork({ url: url(), tls: { ca: authority.cert } });
  });

  it('works with a certificate of its own', async () => {
    await expectWork({ url: url('localhost', strictPort), tls: { ca: [authority.cert], ...client } }, strict);
  });

  it.each([
    ['whose certificate nobody knows', () => ({ url: url() }), /certificate|verify/],
    ['whose name is another', () => ({ url: url(), tls: { ca: authority.cert, servername: 'elsewhere' } }), /altnames/],
    [
      'that wants a certificate',
      () => ({ url: url('127.0.0.1', strictPort), tls: { ca: authority.cert } }),
      /certificate required/,
    ],
  ] as const)('%s is refused at once', async (_what, options, message) => {
    const error = await refusal(options());
    expect(error).toMatchObject({ code: 'DOCKET_TLS', message: expect.stringMatching(message) });
  });

  it.each([
    ['where there is none', () => url('127.0.0.1', server.port), 'does it speak TLS?'],
    ['forgotten', () => `redis://127.0.0.1:${tlsPort}`, 'does it want rediss://?'],
  ])('%s is an error within the deadline', async (_what, at, message) => {
    const docket = new TestDocket(server.url);
    dockets.push(docket);
    const error = await rejection(docket.engine({ url: at(), deadline: 500 }).start());
    expect(error).toMatchObject({ code: 'DOCKET_UNAVAILABLE', message: expect.stringContaining(message) });
  });

  it('trusts everybody where that is wanted', async () => {
    await expectWork({ url: url(), tls: { rejectUnauthorized: false } });
  });

  it.each([
    ['a path', { ca: '/etc/ca.pem' }, 'rediss://127.0.0.1', /docket\.tls\.ca is not PEM text/],
    ['half of a pair', { cert: '-----BEGIN ' }, 'rediss://127.0.0.1', /cert and key/],
    ['anything', {}, 'redis://127.0.0.1', /not encrypted\. Write rediss:/],
  ])('refuses %s for the options', (_what, tls, at, message) => {
    const docket = new TestDocket(server.url);
    dockets.push(docket);
    expect(() => docket.engine({ url: at, tls })).toThrow(message);
  });

  it('takes the authority from the environment', async () => {
    const job = defineJob({ name: 'job', run: () => 1 });
    const docket = { url: url(), name: freshName(), worker: false };
    const start = async (ca: string): Promise<void> => {
      process.env['ERRAND_DOCKET_CA'] = ca;
      const made = createServer({ name: 'x', version: '1', components: [job], docket });
      delete process.env['ERRAND_DOCKET_CA'];
      try {
        await (await made.startWorker()).stop();
      } finally {
        await made.close();
      }
    };
    await start(join(folder, 'ca'));
    expect(await rejection(start(join(folder, 'nowhere')))).toMatchObject({
      code: 'DOCKET_TLS',
      message: expect.stringMatching(/ERRAND_DOCKET_CA .+ENOENT/),
    });
  });
});
