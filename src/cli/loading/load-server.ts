import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ErrandError, messageOf } from '../../base/errors.js';
import type { ErrandServer } from '../../server/create-server.js';
import { serverOf } from './exported-server.js';

/**
 * Loads a server file: JavaScript as Node.js does, TypeScript with decorators and their metadata without a build step.
 *
 * @throws {ErrandError} `SERVER_FILE` when the file is missing, cannot be loaded or exports no server.
 */
export async function loadServer(file: string): Promise<ErrandServer> {
  const path = resolve(file);
  if (!existsSync(path)) throw new ErrandError('SERVER_FILE', `There is no file ${path}.`);
  return serverOf(await load(path), file);
}

async function load(path: string): Promise<unknown> {
  try {
    return defaultOf(await (/\.[cm]?tsx?$/.test(path) ? loadTypeScript(path) : import(pathToFileURL(path).href)));
  } catch (error) {
    if (ErrandError.is(error)) throw error;
    throw new ErrandError('SERVER_FILE', `${path} cannot be loaded: ${messageOf(error)}`, { cause: error });
  }
}

async function loadTypeScript(path: string): Promise<unknown> {
  const { importTypeScript } = await import('./import-typescript.js');
  return importTypeScript(path);
}

/** To an ES module, what CommonJS exports is its default, and of what a compiler made of one, that has the default. */
function defaultOf(loaded: unknown): unknown {
  const exported = propertyOf(loaded, 'default');
  return propertyOf(exported, '__esModule') === true ? propertyOf(exported, 'default') : exported;
}

const propertyOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && name in value ? (value as Record<string, unknown>)[name] : undefined;
