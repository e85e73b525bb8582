import { readdirSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { transform } from '@swc/core';

/*
 * Writes dist/cjs, the CommonJS twin of dist, after tsc has checked the sources and written dist. It is for what cannot take ES
 * modules by require: Jest by default, and Node.js with --no-experimental-require-module.
 *
 * - import() becomes require() as well, because Jest refuses a real import() in CommonJS.
 * - The declarations are those of dist: package.json says that in here they describe CommonJS.
 * - The command is left out. It is started, never required.
 */

const root = fileURLToPath(new URL('..', import.meta.url));
const target = join(root, 'dist', 'cjs');

const options = {
  configFile: false,
  swcrc: false,
  sourceMaps: true,
  inlineSourcesContent: false,
  module: { type: 'commonjs', ignoreDynamic: false },
  jsc: {
    target: 'es2022',
    parser: { syntax: 'typescript' },
    transform: { verbatimModuleSyntax: true, useDefineForClassFields: true },
  },
};

async function write(path, text) {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

async function compile(name) {
  const source = join(root, 'src', `${name}.ts`);
  const built = join(target, `${name}.js`);
  const { code, map } = await transform(await readFile(source, 'utf8'), {
    ...options,
    filename: source,
    sourceFileName: relative(dirname(built), source).replaceAll('\\', '/'),
  });
  await write(built, `${code}//# sourceMappingURL=${basename(built)}.map\n`);
  await write(`${built}.map`, map);
}

async function copyDeclarations(name) {
  const [text, map] = await Promise.all(
    ['.d.ts', '.d.ts.map'].map((end) => readFile(join(root, 'dist', name + end), 'utf8')),
  );
  const { sources, ...rest } = JSON.parse(map);
  await write(join(target, `${name}.d.ts`), text);
  await write(
    join(target, `${name}.d.ts.map`),
    JSON.stringify({ ...rest, sources: sources.map((source) => `../${source}`) }),
  );
}

const names = readdirSync(join(root, 'src'), { recursive: true })
  .map((name) => name.replaceAll('\\', '/'))
  .filter((name) => name.endsWith('.ts') && !name.startsWith('cli/'))
  .map((name) => name.slice(0, -'.ts'.length));

await write(join(target, 'package.json'), '{ "type": "commonjs" }\n');
await Promise.all(names.flatMap((name) => [compile(name), copyDeclarations(name)]));
