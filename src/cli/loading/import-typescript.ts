import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createJiti, type JitiOptions } from 'jiti';
import { Compiler } from './compiler.js';
import { decoratedDefaults } from './decorated-defaults.js';
import { StackLines } from './stack-lines.js';

/**
 * Imports a file of TypeScript and what it imports. jiti finds and runs the files, packages by Node.js alone; the TypeScript
 * of the project compiles them, if it has one.
 */
export async function importTypeScript(path: string): Promise<unknown> {
  const lines = new StackLines();
  lines.install();
  const options: JitiOptions = {
    // Its proxies would freeze what files of a cycle have exported by then.
    interopDefault: false,
    tryNative: false,
    sourceMaps: true,
    // The compiler has a cache of its own, which knows of all that its output depends on.
    fsCache: false,
    nativeModules: packagesAround(path),
    transformOptions: { babel: { plugins: [decoratedDefaults] } },
  };
  const babel = createJiti(path, options);
  const compiler = new Compiler(path, (file) => babel.transform(file));
  const jiti = openJiti(path, {
    ...options,
    transform: (file) => {
      const code = compiler.compile(file);
      if (file.filename !== undefined) lines.add(file.filename, code);
      return { code };
    },
  });
  return jiti.import(path);
}

function openJiti(path: string, options: JitiOptions): ReturnType<typeof createJiti> {
  try {
    return createJiti(path, { ...options, tsconfigPaths: true });
  } catch {
    // A tsconfig that cannot be read has no paths: it may extend a package that is not installed where the server runs.
    return createJiti(path, options);
  }
}

/**
 * The packages that the file may import, which Node.js is to load. jiti would take those that are loaded already for files of
 * its own, which have no default export.
 */
function packagesAround(path: string): string[] {
  const found = new Set(['.pnpm']);
  for (const modules of foldersAbove(path).map((folder) => join(folder, 'node_modules'))) {
    for (const name of namesIn(modules)) {
      const names = name.startsWith('@') ? namesIn(join(modules, name)).map((scoped) => `${name}/${scoped}`) : [name];
      for (const each of names) found.add(each);
    }
  }
  return [...found];
}

function foldersAbove(path: string): string[] {
  const folder = dirname(path);
  return folder === path ? [] : [folder, ...foldersAbove(folder)];
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
