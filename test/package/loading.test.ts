import { mkdir, mkdtemp, readdir, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { cli, root, runNode } from '../helpers/child.js';

const tsconfig = {
  compilerOptions: {
    module: 'esnext',
    moduleResolution: 'bundler',
    target: 'es2022',
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
    paths: { '@lib/*': ['./lib/*'] },
  },
};

/** A project whose server is made of what tsc runs and jiti alone does not. */
const files = {
  'package.json': '{ "type": "module" }',
  'tsconfig.json': JSON.stringify(tsconfig),
  'node_modules/made/package.json': '{ "name": "made", "version": "1.0.0" }',
  'node_modules/made/index.js': 'Object.defineProperty(exports, "__esModule", { value: true }); exports.default = 1;',
  'lib/db.ts': 'export class Db { answer = 42; }',
  'local.cjs': 'module.exports = { word: "local" };',
  'accounts.ts': `import { delay, inject, injectable } from 'errand';
    import { Billing } from './billing.js';
    import local from './local.cjs';
    @injectable()
    export class Accounts {
      constructor(@inject(delay(() => Billing)) private readonly billing: Billing) {}
      name = (id: string) => \`account \${id} \${local.word}\`;
      bill = (id: string) => this.billing.bill(id);
    }`,
  'billing.ts': `import { delay, inject, injectable } from 'errand';
    import { Accounts } from './accounts.js';
    @injectable()
    export class Billing {
      constructor(@inject(delay(() => Accounts)) private readonly accounts: Accounts) {}
      bill = (id: string) => \`bill \${this.accounts.name(id)}\`;
    }`,
  'server.ts': `import made from 'made';
import ms from 'ms';
import { createServer, inject, injectable, param, token, tool } from 'errand';
import { z } from 'zod';
import { Db } from '@lib/db';
import local from './local.cjs';
import { Accounts } from './accounts.js';
import { Billing } from './billing.js';

interface Row {
  id: string;
}

const Size = token<number>('Size');

@injectable()
class Tools {
  constructor(
    private readonly accounts: Accounts,
    @inject(Size, { optional: true }) private readonly size = 5,
  ) {}

  @tool() bill() { return this.accounts.bill('1'); }
  @tool() typed(@param('n', z.int().optional()) n: number = 3) { return \`\${n} of \${this.size}\`; }
  @tool() untyped(@param('n', z.int().optional()) n = 4) { return String(n); }
  @tool() aliased(db: Db) { return String(db.answer); }
  @tool() imported() { return [ms('1s'), local.word, typeof made].join(); }
  @tool()
  fail(@param('id', z.string()) id: string) {
    const row: Row | undefined = undefined as Row | undefined;
    return row!.id + id; // it fails here
  }
}
export default createServer({ name: 'x', version: '1', components: [Tools], providers: [Accounts, Billing, Db] });
`,
  'built.cjs': `Object.defineProperty(exports, '__esModule', { value: true });
    const { createServer, defineTool } = require('errand');
    exports.default = createServer({ name: 'x', version: '1', components: [defineTool({ name: 'x', run: () => 'built' })] });`,
  'native.mjs': `import { createServer, defineTool } from 'errand';
    const where = () => new Error('here').stack.split('\\n')[1].replace(/.*native/, 'native');
    export default createServer({ name: 'x', version: '1', components: [defineTool({ name: 'x', run: where })] });`,
  'wrong.ts': `const fine = 1;\nconst wrong: number = ;\n`,
};

let project: string;

beforeAll(async () => {
  project = await realpath(await mkdtemp(join(tmpdir(), 'errand-loading-')));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(project, name)), { recursive: true });
    await writeFile(join(project, name), text);
  }
  await symlink(root, join(project, 'node_modules/errand'), 'junction');
  for (const name of ['zod', 'ms']) {
    await symlink(join(root, 'node_modules', name), join(project, 'node_modules', name), 'junction');
  }
});

afterAll(() => rm(project, { recursive: true, force: true }));

describe('errand run', () => {
  const answers = {
    bill: 'bill account 1 local',
    typed: '3 of 5',
    untyped: '4',
    aliased: '42',
    imported: '1000,local,object',
  };

  // The order matters: at the third, TypeScript is there, and what was kept without it must not be used.
  it.each(['without TypeScript', 'with what it has kept', 'with the TypeScript of the project'])(
    'runs what tsc runs, with the right lines, %s [D2]',
    async (how) => {
      if (how.endsWith('project')) {
        await symlink(join(root, 'node_modules/typescript'), join(project, 'node_modules/typescript'), 'junction');
      }
      const { texts, log } = await call('server.ts', [...Object.keys(answers), 'fail']);
      expect(texts.slice(0, -1)).toEqual(Object.values(answers));
      const line = files['server.ts'].split('\n').findIndex((text) => text.includes('it fails here')) + 1;
      expect(log).toContain(`Tools.fail (${join(project, 'server.ts')}:${line}:`);
      const kept = await readdir(join(project, 'node_modules/.cache/errand'));
      expect(kept.map((name) => name.split('-')[0]).sort()).toEqual([
        'accounts.ts',
        'billing.ts',
        'db.ts',
        'server.ts',
      ]);
    },
  );

  it('takes what a compiler made, CommonJS and ES modules, as Node.js does [D2]', async () => {
    expect((await call('built.cjs', ['x'])).texts).toEqual(['built']);
    expect((await call('native.mjs', ['x'])).texts).toEqual([expect.stringMatching(/^native\.mjs:2:/)]);
  });

  it('names the line where a file is no TypeScript [D2]', async () => {
    expect(await runNode([cli, 'run', 'wrong.ts'], { cwd: project })).toMatchObject({
      code: 1,
      stderr: `errand: ${join(project, 'wrong.ts')} cannot be loaded: line 2, column 23: Expression expected.\n`,
    });
  });
});

/** The texts of calls in the order of the names, and what the server has logged. */
async function call(file: string, names: readonly string[]): Promise<{ texts: unknown[]; log: string }> {
  const program = `
    import { connect } from 'errand/client';
    const client = await connect({ command: process.execPath, args: [${JSON.stringify(cli)}, 'run', ${JSON.stringify(file)}] });
    const texts = [];
    for (const name of ${JSON.stringify(names)}) {
      const { content } = await client.callTool(name, name === 'fail' ? { id: '1' } : {});
      texts.push(content[0].text);
    }
    console.log(JSON.stringify(texts));
    await client.close();`;
  const { stdout, stderr } = await runNode(['--input-type=module', '--eval', program], { cwd: project });
  return { texts: JSON.parse(stdout) as unknown[], log: stderr };
}
