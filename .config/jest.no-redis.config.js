import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import base from './jest.config.js';

const test = fileURLToPath(new URL('../test', import.meta.url));

/** The files that a test needs to start a Redis, or to find the one of its run. */
const redis = ['helpers/redis.ts', 'helpers/redis-server.ts'];

/** Tests that end processes by signals or start `npm` as a program, which Windows has not. */
const posixOnly = ['e2e/cli', 'e2e/slow-readers', 'faults/hostile-requests', 'package/package'].map(
  (name) => `${name}.test.ts`,
);

const names = readdirSync(test, { recursive: true })
  .map((name) => name.replaceAll('\\', '/'))
  .filter((name) => name.endsWith('.ts'));

const imports = new Map(
  names.map((name) => {
    const specifiers = readFileSync(join(test, name), 'utf8').matchAll(/(?:from|import\()\s*'(\.[^']+)\.js'/g);
    return [name, [...specifiers].map(([, path]) => posix.join(posix.dirname(name), `${path}.ts`))];
  }),
);

function needsRedis(name, seen = new Set()) {
  if (redis.includes(name)) return true;
  if (seen.has(name)) return false;
  seen.add(name);
  return (imports.get(name) ?? []).some((each) => needsRedis(each, seen));
}

const left = names.filter((name) => needsRedis(name) || (process.platform === 'win32' && posixOnly.includes(name)));

/** Every test that needs no Redis, for machines that have none. A change has passed only with all of them. */
export default {
  ...base,
  globalSetup: undefined,
  globalTeardown: undefined,
  testPathIgnorePatterns: left.map(
    (name) => `[\\\\/]test[\\\\/]${name.replaceAll('.', '\\.').replaceAll('/', '[\\\\/]')}$`,
  ),
};
