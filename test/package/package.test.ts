import { existsSync } from 'node:fs';
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { CallToolResultSchema, ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { errorTable } from '../../src/base/errors.js';
import { root, runChild, runNode, type Ended } from '../helpers/child.js';
import { importsOf } from './import-graph.js';

interface Manifest {
  readonly exports: Record<string, unknown>;
  readonly scripts: Record<string, string>;
  readonly dependencies: Record<string, string>;
  readonly peerDependencies: Record<string, string>;
}

const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as Manifest;

/** A project outside the repository with nothing but the packed package. What compiles and runs it is the repository's. */
let project: string;
let packed: readonly string[];
let compiled: Ended;

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'errand-package-'));
  await cp(join(root, 'test/package/fixtures/project'), project, { recursive: true });
  // `prepare` would build again, while other tests run what is built.
  const pack = await runChild('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', project]);
  const [{ filename, files }] = JSON.parse(pack.stdout) as [{ filename: string; files: { path: string }[] }];
  packed = files.map(({ path }) => path);
  const quick = ['--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts'];
  const install = await runChild('npm', ['install', `./${filename}`, ...quick], { cwd: project });
  expect(install).toMatchObject({ code: 0 });
  compiled = await runNode([join(root, 'node_modules/typescript/lib/tsc.js'), '-p', '.', '--pretty', 'false'], {
    cwd: project,
  });
}, 180_000);

afterAll(() => rm(project, { recursive: true, force: true }));

describe('the package', () => {
  it('holds what is built, and nothing else', () => {
    const known =
      /^(dist\/.+\.(js|d\.ts)(\.map)?|dist\/cjs\/package\.json|src\/.+\.(ts|lua)|docs\/.+\.md|package\.json|(README|CHANGELOG|CONTRIBUTING)\.md|LICENSE)$/;
    expect(packed.filter((path) => !known.test(path))).toEqual([]);
    expect(packed).toEqual(expect.arrayContaining(['dist/index.js', 'dist/index.d.ts', 'README.md', 'LICENSE']));
    expect(packed.filter((path) => path.includes('.test.'))).toEqual([]);
  });

  it('has a map of each file that was built, and the source that it leads to', async () => {
    // The build leaves files behind whose source has gone since; `prepublishOnly` begins with an empty folder.
    const source = (path: string): string => path.replace(/^dist(\/cjs)?/, 'src').replace(/(\.d)?\.[jt]s$/, '.ts');
    const built = packed.filter((path) => /^dist\/.+\.(js|d\.ts)$/.test(path) && existsSync(join(root, source(path))));
    expect(built.length).toBeGreaterThan(600);
    expect(built.filter((path) => !packed.includes(`${path}.map`))).toEqual([]);
    for (const path of built) {
      const map = await readFile(join(project, 'node_modules/errand', `${path}.map`), 'utf8');
      const { sources } = JSON.parse(map) as { sources: string[] };
      const found = sources.map((source) => posix.join(posix.dirname(path), source));
      expect([path, found.filter((source) => !packed.includes(source))]).toEqual([path, []]);
    }
  });

  it('names lines of its sources in stack traces', async () => {
    const script = `
      const { createServer } = await import('errand');
      try { createServer({}) } catch ({ stack }) { console.log(stack) }`;
    const { stdout } = await runNode(['--enable-source-maps', '--input-type=module', '--eval', script], {
      cwd: project,
    });
    expect(stdout).toMatch(/resolveOptions.*node_modules\/errand\/src\/server\/options\.ts:\d+:\d+/);
  });

  it.each(['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md'])('has %s, whose links work inside of it', async (name) => {
    const text = await readFile(join(project, 'node_modules/errand', name), 'utf8');
    const prose = text.replace(/^```[\s\S]*?^```/gm, '').replace(/`[^`\n]*`/g, '');
    const anchors = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => `#${anchorOf(heading)}`);
    const broken = [...prose.matchAll(/\]\(([^)]+)\)/g)]
      .map(([, target = '']) => target)
      .filter((target) => !/^https:/.test(target) && !packed.includes(target) && !anchors.includes(target));
    expect(broken).toEqual([]);
  });

  it('exports every subpath, and nothing beside them', async () => {
    const paths = Object.keys(manifest.exports).map((path) => path.replace(/^\./, 'errand'));
    for (const path of paths) {
      const json = path.endsWith('.json') ? `, { with: { type: 'json' } }` : '';
      expect(await evaluate(`await import('${path}'${json})`)).toMatchObject({ code: 0, stderr: '' });
    }
    expect((await evaluate(`await import('errand/dist/index.js')`)).stderr).toContain('ERR_PACKAGE_PATH_NOT_EXPORTED');
  });

  it('has scripts that run in cmd.exe as well', () => {
    const commands = Object.values(manifest.scripts).flatMap((script) => script.split(' && '));
    expect(commands.filter((command) => /['`$;]|\.sh\b|^\w+=/.test(command))).toEqual([]);
    const programs = new Set(commands.map((command) => command.split(' ')[0]));
    const known = ['npm', 'node', 'tsc', 'jiti', 'eslint', 'prettier', 'knip', 'typedoc'];
    expect([...programs].filter((program) => !known.includes(program!))).toEqual([]);
  });

  it('declares the packages that it imports, and no other', async () => {
    const imported = new Set<string>();
    for (const path of packed.filter((each) => each.startsWith('dist/'))) {
      const text = await readFile(join(project, 'node_modules/errand', path), 'utf8');
      // The text of examples in comments is no import.
      for (const specifier of importsOf({ path, text })) {
        if (specifier.startsWith('.') || isBuiltin(specifier)) continue;
        imported.add(/^(@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier);
      }
    }
    const declared = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });
    expect([...imported].sort()).toEqual(declared.sort());
  });

  it('compiles in a strict project that checks the declarations of its packages and has no types of Node', () => {
    expect(compiled).toMatchObject({ code: 0, stdout: '' });
  });

  it('loads nothing that a server without background work, command and HTTP does not need [F34]', async () => {
    const log = join(project, 'modules.log');
    const idle = await runNode(['--import', './log-modules.mjs', 'idle.mjs'], { cwd: project, env: { MODULES: log } });
    expect(idle).toMatchObject({ code: 0, stderr: '' });
    const modules = (await readFile(log, 'utf8')).split('\n');
    expect(modules.filter((url) => url.endsWith('/errand/dist/index.js'))).not.toEqual([]);
    const heavy = /\/node_modules\/(ioredis|bullmq|@nestjs|jiti|express|hono|@hono)\/|^node:(http|https|net)$/;
    expect(modules.filter((url) => heavy.test(url))).toEqual([]);
    expect(modules.filter((url) => /\/errand\/dist\/(cli|client|redis|nest|testing)\//.test(url))).toEqual([]);
    const builtIns = JSON.parse(idle.stdout) as string[];
    expect(builtIns.filter((name) => /^NativeModule (_?http|https|net|tls)/.test(name))).toEqual([]);
  });
});

describe('a docket on Redis', () => {
  it('says what to install where its packages are missing', async () => {
    const script = `
      const { createServer, defineJob } = await import('errand');
      const job = defineJob({ name: 'job', run: () => 1 });
      const server = createServer({ name: 'x', version: '1', components: [job], docket: { url: 'redis://127.0.0.1' } });
      await server.startWorker().catch(({ code, message }) => console.log(code, message));
      await server.close();`;
    expect(await evaluate(script)).toEqual({
      code: 0,
      stdout: expect.stringMatching(
        /^DOCKET_PEER .*'(ioredis|bullmq)' is not installed\. Run: npm install ioredis bullmq\n$/,
      ),
      stderr: '',
    });
  });
});

describe('a monitor', () => {
  it('says what to install for metrics, and tells health without it', async () => {
    const script = `
      const { createServer } = await import('errand');
      const server = createServer({ name: 'x', version: '1', components: [] });
      const { url } = await server.monitor({ port: 0 });
      for (const path of ['/livez', '/healthz', '/metrics']) {
        const response = await fetch(url + path);
        console.log(response.status, await response.text());
      }
      await server.close();`;
    const { code, stdout } = await evaluate(script);
    expect(code).toBe(0);
    expect(stdout.trim().split('\n')).toEqual([
      '200 {"status":"ok"}',
      '503 {"status":"starting","reason":"The server has not started."}',
      "501 Metrics need the package 'prom-client', which is not installed. Run: npm install prom-client",
    ]);
  });
});

describe('errand/redis', () => {
  it.each(['openDocket', 'openQueue'])('says the same when %s is called', async (name) => {
    const script = `
      const redis = await import('errand/redis');
      await redis.${name}({ url: 'redis://127.0.0.1', name: 'x' }).catch(({ code, message }) => console.log(code, message));`;
    expect(await evaluate(script)).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^DOCKET_PEER .+ npm install ioredis bullmq\n$/),
      stderr: '',
    });
  });
});

describe('the first example', () => {
  it.each([
    ['compiled by tsc', [join('out', 'serve.js')]],
    ['under tsx, with @inject', [join(root, 'node_modules', 'tsx', 'dist', 'cli.mjs'), 'serve-inject.ts']],
    ['by errand run', [join('node_modules', 'errand', 'dist', 'cli', 'main.js'), 'run', 'reports.ts']],
    [
      'by errand run, with @inject',
      [join('node_modules', 'errand', 'dist', 'cli', 'main.js'), 'run', 'reports-inject.ts'],
    ],
  ])('runs %s, in the foreground and as a task', async (_how, args) => {
    const transport = new StdioClientTransport({
      command: process.execPath,
      args,
      cwd: project,
      stderr: 'pipe',
    });
    const client = new Client({ name: 'stock', version: '1.0.0' }, { capabilities: { elicitation: {} } });
    let asked = 0;
    client.setRequestHandler(ElicitRequestSchema, () => {
      asked++;
      return { action: 'accept', content: { publish: true } };
    });
    const call = { name: 'buildReport', arguments: { quarter: '2026-Q3' } };
    const published = { content: [{ type: 'text', text: 'Published' }] };
    await client.connect(transport);
    try {
      const { tools } = await client.listTools();
      expect(tools).toMatchObject([
        { name: 'buildReport', inputSchema: { properties: { quarter: { description: 'For example 2026-Q3' } } } },
        { name: 'refreshLater', inputSchema: { type: 'object', properties: {} } },
      ]);
      expect(await client.callTool(call)).toEqual(published);
      const steps: unknown[] = [];
      for await (const message of client.experimental.tasks.callToolStream(call, CallToolResultSchema, { task: {} })) {
        steps.push(message.type);
        if (message.type === 'result') expect(message.result).toMatchObject(published);
      }
      expect([steps.at(0), steps.at(-1)]).toEqual(['taskCreated', 'result']);
      expect(asked).toBe(2);
      const later = await client.callTool({ name: 'refreshLater', arguments: {} });
      expect(later).toEqual({ content: [{ type: 'text', text: 'Scheduled as nightly-refresh' }] });
    } finally {
      await client.close();
    }
  });

  it('is served by the command that the package installs', async () => {
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
    expect(await readdir(join(project, 'node_modules', '.bin'))).toContain('errand');
    const printed = await runChild(join(project, 'node_modules', '.bin', 'errand'), ['--version']);
    expect(printed).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' });
  });
});

describe('the README', () => {
  it('lists every error code with its meaning, and no other', async () => {
    const readme = await readFile(join(root, 'README.md'), 'utf8');
    const rows = [...readme.matchAll(/^\| `([A-Z_]+)` +\| ([^|]+?) +\|$/gm)].map(([, code, meaning]) => [
      code,
      meaning,
    ]);
    expect(rows).toEqual(Object.entries(errorTable).map(([code, { meaning }]) => [code, meaning]));
  });
});

/** As GitHub and npm make it. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');

function evaluate(script: string): Promise<Ended> {
  return runNode(['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', script], { cwd: project });
}
