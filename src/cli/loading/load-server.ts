import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ErrandError, messageOf } from '../../base/errors.js';
import type { ErrandServer } from '../../server/create-server.js';
import { serverOf } from './exported-server.js';
import { settled } from './settled.js';

/**
 * Loads a server file: JavaScript as Node.js does, TypeScript with decorators and their metadata without a build step.
 * `server.ts:name` means the export of that name instead of the default one.
 *
 * @throws {ErrandError} `SERVER_FILE` when the file is missing, cannot be loaded or exports no server.
 */
export async function loadServer(file: string): Promise<ErrandServer> {
  const { path, name } = targetOf(file);
  if (!existsSync(path)) throw new ErrandError('SERVER_FILE', `There is no file ${path}.`);
  const loading = load(path, name).then((exported) => serverOf(exported, file, name));
  return settled(file, loading);
}

/** A file whose name contains a colon is taken by its name. On Windows, a path has a colon after the drive. */
function targetOf(file: string): { readonly path: string; readonly name: string } {
  const [, before, name] = /^(.+\.[cm]?[jt]sx?):([\p{ID_Start}$_][\p{ID_Continue}$]*)$/u.exec(file) ?? [];
  const isNamed = before !== undefined && name !== undefined && !existsSync(resolve(file));
  return isNamed ? { path: resolve(before), name } : { path: resolve(file), name: 'default' };
}

async function load(path: string, name: string): Promise<unknown> {
  try {
    return exportOf(await (/\.[cm]?tsx?$/.test(path) ? loadTypeScript(path) : import(pathToFileURL(path).href)), name);
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
function exportOf(loaded: unknown, name: string): unknown {
  const exported = propertyOf(loaded, 'default');
  if (name !== 'default') return propertyOf(loaded, name) ?? propertyOf(exported, name);
  return propertyOf(exported, '__esModule') === true ? propertyOf(exported, 'default') : exported;
}

const propertyOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && name in value ? (value as Record<string, unknown>)[name] : undefined;
