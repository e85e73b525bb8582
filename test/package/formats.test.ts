import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import ts from 'typescript';
import { root, runNode, type Ended } from '../helpers/child.js';
import { importsOf } from './import-graph.js';

/** A CommonJS project that has this package, as built, and what its tests need. */
let project: string;

const entries = ['errand', 'errand/client', 'errand/redis'];
const flagged = '--no-experimental-require-module';

beforeAll(async () => {
  // TypeScript and Node.js name files by their real paths.
  project = await realpath(await mkdtemp(join(tmpdir(), 'errand-formats-')));
  const fixture = join(root, 'test/package/fixtures/runners');
  const isSource = (path: string): boolean => !path.includes(join(fixture, 'node_modules'));
  await cp(fixture, project, { recursive: true, filter: isSource });
  await mkdir(join(project, 'node_modules/@swc'), { recursive: true });
  await symlink(root, join(project, 'node_modules/errand'), 'junction');
  for (const name of ['zod', '@jest', '@swc/core', '@swc/jest']) {
    await symlink(join(root, 'node_modules', name), join(project, 'node_modules', name), 'junction');
  }
});

afterAll(() => rm(project, { recursive: true, force: true }));

describe('a process', () => {
  it.each([
    ['require, then import', "const required = require('errand'); import('errand').then((imported) => {"],
    ['import, then require', "import('errand').then((imported) => { const required = require('errand');"],
  ])('has one copy of the package: %s [D6]', async (_order, begin) => {
    const program = `${begin}
      const names = Object.keys(imported);
      const others = names.filter((name) => required[name] !== imported[name]);
      console.log(JSON.stringify({ names: names.length > 30, others, file: require.resolve('errand') }));
    });`;
    expect(JSON.parse((await commonJs(program)).stdout)).toEqual({
      names: true,
      others: [],
      file: join(root, 'dist/index.js'),
    });
  });

  it('that cannot require ES modules has every entry in CommonJS, with the same exports [D6]', async () => {
    const program = `
      const entries = ${JSON.stringify(entries)};
      Promise.all(entries.map((entry) => import(entry))).then((imported) =>
        console.log(JSON.stringify(entries.map((entry, index) => ({
          file: require.resolve(entry),
          missing: Object.keys(imported[index]).filter((name) => !(name in require(entry))),
        })))));`;
    const { stdout } = await commonJs(program, [flagged]);
    expect(JSON.parse(stdout)).toEqual(
      ['index.js', 'client/index.js', 'redis/index.js'].map((file) => ({
        file: join(root, 'dist/cjs', file),
        missing: [],
      })),
    );
  });

  it('that cannot require ES modules has stack traces with lines of the sources [D6]', async () => {
    const program = `try { require('errand').createServer({}) } catch ({ stack }) { console.log(stack) }`;
    const { stdout } = await commonJs(program, [flagged, '--enable-source-maps']);
    const source = /resolveOptions.*\((.*src\/server\/options\.ts):(\d+):\d+\)/.exec(stdout);
    expect(source?.[1]).toBe(join(root, 'src/server/options.ts'));
    const lines = (await readFile(join(root, 'src/server/options.ts'), 'utf8')).split('\n');
    expect(lines[Number(source?.[2]) - 1]).toContain('readOptions(Options');
  });
});

describe('two copies of the package', () => {
  const declared = `
    class Tools { run() {} hear() {} }
    other.tool()(Tools.prototype, 'run', {});
    own.tool()(Tools.prototype, 'hear', {});
    class Heard { hear() {} }
    own.tool()(Heard.prototype, 'hear', {});
    own.inject(other.Logger)(Heard.prototype, 'hear', 0);
    class Store {}
    own.inject(other.Logger)(Store, undefined, 0);
    class Typed { hear() {} }
    Reflect.defineMetadata('design:paramtypes', [other.Context], Typed.prototype, 'hear');
    own.tool({ input: z.object({}) })(Typed.prototype, 'hear', {});
    const bare = other.defineTool({ name: 'bare', run: () => 1 });
    const asking = own.defineTool({ name: 'asking', inject: [{ token: other.CurrentDocket, optional: true }], run: () => 1 });
    const storing = own.defineTool({ name: 'storing', inject: [Store], run: () => 1 });
    const refused = [Tools, Heard, Typed, bare, asking, storing].map((component) => {
      try {
        own.createServer({ name: 'x', version: '1', components: [component], providers: [Store] });
      } catch ({ code, message }) {
        return [code, message];
      }
    });
    console.log(JSON.stringify(refused));`;
  const what = [
    '@tool of Tools.run',
    'Heard.hear → Logger: the class Logger',
    'Typed.hear, parameter 1: the class Context',
    "The tool 'bare'",
    'asking → CurrentDocket: the class CurrentDocket',
    'storing → Store → Logger: the class Logger',
  ];

  it('are refused with both places and the way out [D6]', async () => {
    const program = `const z = require('zod').z; const other = require('errand');
      import('errand').then((own) => {${declared}});`;
    const { stdout, stderr } = await commonJs(program, [flagged]);
    expect(stderr).toBe('');
    const [there, here] = [join(root, 'dist/cjs'), join(root, 'dist')];
    expect(JSON.parse(stdout)).toEqual(
      what.map((each) => [
        'PACKAGE_COPIES',
        `${each} comes from errand in ${there}, but createServer() from errand in ${here}. Load one copy: 'npm ls errand' must list one, and a process that cannot require ES modules must not mix import and require.`,
      ]),
    );
  });

  it('are refused when one was loaded twice [D6]', async () => {
    const program = `const z = require('zod').z; const other = require('errand');
      for (const file of Object.keys(require.cache)) if (file.includes(${JSON.stringify(join('dist', 'cjs'))})) delete require.cache[file];
      const own = require('errand'); ${declared}`;
    const { stdout } = await commonJs(program, [flagged]);
    expect(JSON.parse(stdout)).toEqual(
      what.map((each) => [
        'PACKAGE_COPIES',
        `${each} comes from errand in ${join(root, 'dist/cjs')}, which was loaded a second time before createServer() was called. After a test runner has reset its modules, import both again.`,
      ]),
    );
  });
});

describe('the example of a test', () => {
  // `npm run test:runners` runs it in the others, too.
  it('runs in Jest as it is by default, in CommonJS [D6]', async () => {
    const ended = await runNode([join(root, 'node_modules/jest/bin/jest.js')], { cwd: project });
    expect(ended).toMatchObject({ code: 0, stderr: expect.stringContaining('Tests:       2 passed, 2 total') });
  });
});

describe('types', () => {
  const kinds = {
    node16: optionsOf({ module: 'node16', moduleResolution: 'node16' }),
    nodenext: optionsOf({ module: 'nodenext', moduleResolution: 'nodenext' }),
    bundler: optionsOf({ module: 'esnext', moduleResolution: 'bundler' }),
    node10: optionsOf({ moduleResolution: 'node10' }),
  };

  it.each(['node16', 'nodenext', 'bundler'] as const)(
    'resolve under %s, and are of the format that the file has [D6]',
    (kind) => {
      const { ESNext, CommonJS } = ts.ModuleKind;
      const found = entries.flatMap((entry) =>
        ([ESNext, CommonJS] as const).map((mode) => resolvedTypes(entry, kinds[kind], mode)),
      );
      expect(found).toEqual(
        ['index', 'client/index', 'redis/index'].flatMap((file) => [
          [`dist/${file}.d.ts`, 'module'],
          [`dist/cjs/${file}.d.ts`, 'commonjs'],
        ]),
      );
    },
  );

  it('resolve where `exports` is unknown, as in older projects [D6]', () => {
    expect(entries.map((entry) => resolvedTypes(entry, kinds.node10, undefined)[0])).toEqual([
      'dist/cjs/index.d.ts',
      'dist/cjs/client/index.d.ts',
      'dist/cjs/redis/index.d.ts',
    ]);
  });

  it('of CommonJS find what they import [D6]', async () => {
    const folder = join(root, 'dist/cjs');
    const files = (await readdir(folder, { recursive: true })).filter((file) => file.endsWith('.d.ts'));
    expect(files.length).toBeGreaterThan(100);
    for (const path of files.map((file) => join(folder, file))) {
      const imports = importsOf({ path, text: await readFile(path, 'utf8') }).filter((name) => !isBuiltin(name));
      const types = imports.map((name) => resolvedTypes(name, kinds.node16, ts.ModuleKind.CommonJS, path));
      expect([path, types.filter(([, format]) => format !== 'commonjs')]).toEqual([path, []]);
    }
  });

  /** The declarations of an entry, and what its package.json says that they describe. */
  function resolvedTypes(
    entry: string,
    options: ts.CompilerOptions,
    mode: ts.ResolutionMode,
    from = join(project, 'calendar.ts'),
  ): [file: string | undefined, format: string] {
    const { resolvedModule } = ts.resolveModuleName(entry, from, options, ts.sys, undefined, undefined, mode);
    const file = resolvedModule?.resolvedFileName;
    if (file === undefined) return [undefined, 'nothing'];
    if (/\.d\.[cm]ts$/.test(file)) return [file, file.endsWith('.d.cts') ? 'commonjs' : 'module'];
    const scope = ts.findConfigFile(dirname(file), existsSync, 'package.json') ?? '';
    const { type = 'commonjs' } = JSON.parse(ts.sys.readFile(scope) ?? '{}') as { type?: string };
    return [relative(root, file).replaceAll('\\', '/'), type];
  }
});

function optionsOf(json: Readonly<Record<string, string>>): ts.CompilerOptions {
  return ts.convertCompilerOptionsFromJson(json, root).options;
}

function commonJs(program: string, flags: readonly string[] = []): Promise<Ended> {
  return runNode([...flags, '--disable-warning=ExperimentalWarning', '--input-type=commonjs', '--eval', program], {
    cwd: project,
  });
}
