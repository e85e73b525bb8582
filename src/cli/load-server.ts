import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { createJiti } from 'jiti';
import { ErrandError, messageOf } from '../base/errors.js';
import type { ErrandServer } from '../server/create-server.js';
import { hasProcess } from '../server/process-contract.js';

/**
 * Loads a server file, TypeScript with decorators and their metadata included, without a build step.
 *
 * @throws {ErrandError} `SERVER_FILE` when the file is missing, cannot be loaded or exports no server.
 */
export async function loadServer(file: string): Promise<ErrandServer> {
  const path = resolve(file);
  if (!existsSync(path)) throw new ErrandError('SERVER_FILE', `There is no file ${path}.`);
  const exported = await load(path);
  const server: unknown = typeof exported === 'function' ? await (exported as () => unknown)() : exported;
  if (isServer(server)) return server;
  throw new ErrandError(
    'SERVER_FILE',
    `${file} exports ${server === undefined ? 'no default' : `${typeof server === 'object' ? 'an' : 'a'} ${typeof server} as default`}. Export the server, or a function that makes one: export default createServer({ … }).`,
  );
}

async function load(path: string): Promise<unknown> {
  // The user's file and this command must see the same classes, so only TypeScript is transpiled, never a package.
  // Without interopDefault, the default export of a CommonJS package that this command has already loaded would be
  // undefined in the file.
  const jiti = createJiti(import.meta.url, { interopDefault: true, tryNative: false });
  try {
    const loaded = await jiti.import<{ default?: unknown }>(path);
    // If there is no default export, the interop would return the whole module instead.
    return 'default' in loaded ? loaded.default : undefined;
  } catch (error) {
    if (ErrandError.is(error)) throw error;
    throw new ErrandError('SERVER_FILE', `${path} cannot be loaded: ${messageOf(error)}`, { cause: error });
  }
}

/** The file may have imported another copy of the package, whose classes are not ours. */
const isServer = (value: unknown): value is ErrandServer => hasProcess(value);
