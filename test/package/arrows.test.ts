import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ESLint } from 'eslint';
import { root } from '../helpers/child.js';
import {
  circles,
  forbiddenImports,
  importsOf,
  wholesaleExports,
  type Arrows,
  type SourceFile,
} from './import-graph.js';

const arrows = (await import(join(root, '.config/arrows.js'))) as Arrows;

const sources: SourceFile[] = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => ({ path: `src/${file}`, text: readFileSync(join(root, 'src', file), 'utf8') }));

describe('the arrows', () => {
  it('allow every import of src', () => {
    expect(sources.length).toBeGreaterThan(50);
    expect(forbiddenImports(sources, arrows)).toEqual([]);
  });

  it('go one way: no folder may import one that may import it', () => {
    const both = Object.entries(arrows.folders).flatMap(([from, { may }]) =>
      may.filter((to) => arrows.folders[to]?.may.includes(from)).map((to) => `${from} and ${to}`),
    );
    expect(both).toEqual([]);
  });

  it('name only folders of the table', () => {
    const known = Object.keys(arrows.folders);
    const named = [...Object.values(arrows.folders).map(({ may }) => may), ...ownersFolders()].flat();
    expect(named.filter((folder) => !known.includes(folder))).toEqual([]);
  });

  it.each([
    ['an arrow against its direction', 'src/base/x.ts', "import { tool } from '../components/decorators/tool.js';"],
    ['a type alone', 'src/base/x.ts', "import type { ToolOptions } from '../components/options.js';"],
    ['a type within an expression', 'src/base/x.ts', "type Tool = import('../components/decorators/tool.js').Tool;"],
    ['what is loaded later', 'src/base/x.ts', "const later = () => import('../components/decorators/tool.js');"],
    ['what is handed on', 'src/base/x.ts', "export { tool } from '../components/decorators/tool.js';"],
    ['a sibling', 'src/tasks/x.ts', "import { RedisEngine } from '../redis/redis-engine.js';"],
    ['the index', 'src/server/x.ts', "import { tool } from '../index.js';"],
    ['the index of a folder', 'src/testing/x.ts', "import { Client } from '../client/index.js';"],
    ['a package of somebody else', 'src/docket/x.ts', "import { Queue } from 'bullmq';"],
    ['a part of such a package', 'src/call/x.ts', "import type { Task } from '@modelcontextprotocol/sdk/types.js';"],
    ['a package of such a scope', 'src/server/x.ts', "import { Module } from '@nestjs/common';"],
    ['a folder that is not in the table', 'src/extra/x.ts', ''],
  ])('forbid %s', (_what, path, text) => {
    expect(forbiddenImports([{ path, text }], arrows)).toHaveLength(1);
  });

  it('leave alone what is as the table says', () => {
    const text = [
      "import { ErrandError } from '../base/errors.js';",
      "import { inject } from './inject.js';",
      "import { container } from 'tsyringe';",
      "import { z } from 'zod';",
    ].join('\n');
    expect(forbiddenImports([{ path: 'src/injection/x.ts', text }], arrows)).toEqual([]);
  });

  it('are what the linter reports as well, with the reason', async () => {
    const messages = await lint(
      'src/base/errors.ts',
      "import '../components/decorators/tool.js';\nimport 'ioredis';\nexport * from './json.js';\n",
    );
    expect(messages).toEqual(
      expect.arrayContaining([
        expect.stringContaining('src/base may import no other folder: base knows nothing of MCP, injection or Redis.'),
        expect.stringContaining('Only src/redis may import ioredis: Redis is optional and loaded only when used.'),
        expect.stringContaining('Name each export: adding a public name is a decision.'),
      ]),
    );
    expect(await lint('src/base/errors.ts', "import './json.js';\n")).toEqual([]);
  });
});

describe('circles', () => {
  it('are nowhere in src', () => {
    expect(circles(sources)).toEqual([]);
  });

  it('are found, unless types alone or a later load close them', () => {
    const files = (back: string): SourceFile[] => [
      { path: 'src/base/a.ts', text: "import { b } from './b.js';" },
      { path: 'src/base/b.ts', text: "export { c } from './c.js';" },
      { path: 'src/base/c.ts', text: back },
    ];
    const circle = [['src/base/a.ts', 'src/base/b.ts', 'src/base/c.ts', 'src/base/a.ts']];
    expect(circles(files("import { a } from './a.js';"))).toEqual(circle);
    expect(circles(files("import './a.js';"))).toEqual(circle);
    expect(circles(files("import { type A } from './a.js';"))).toEqual(circle);
    expect(circles(files("import type { A } from './a.js';"))).toEqual([]);
    expect(circles(files("export type { A } from './a.js';"))).toEqual([]);
    expect(circles(files("export const a = () => import('./a.js');"))).toEqual([]);
  });
});

describe('exports', () => {
  it('are listed one by one everywhere', () => {
    expect(sources.filter((file) => wholesaleExports(file).length > 0).map(({ path }) => path)).toEqual([]);
    expect(wholesaleExports({ path: 'x.ts', text: "export * from './a.js';\nexport * as b from './b.js';" })).toEqual([
      './a.js',
      './b.js',
    ]);
  });

  it('are taken from where they are defined', () => {
    for (const entry of ['src/index.ts', 'src/client/index.ts', 'src/redis/index.ts']) {
      const file = sources.find(({ path }) => path === entry);
      expect(file && importsOf(file).filter((specifier) => !specifier.startsWith('.'))).toEqual([]);
    }
  });
});

function ownersFolders(): (readonly string[])[] {
  return Object.values(arrows.owners).map(({ folders }) => folders);
}

/** Lints a text in the place of a file, with the rules that need no types. */
async function lint(filePath: string, text: string): Promise<string[]> {
  const eslint = new ESLint({
    cwd: root,
    overrideConfigFile: join(root, '.config/eslint.config.js'),
    overrideConfig: { languageOptions: { parserOptions: { project: false } } },
    ruleFilter: ({ ruleId }) => /^(import-x\/no-restricted-paths|no-restricted-(imports|syntax))$/.test(ruleId),
  });
  const [result] = await eslint.lintText(text, { filePath: join(root, filePath) });
  return (result?.messages ?? []).map(({ message }) => message);
}
