import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { root, runNode } from '../helpers/child.js';

const folder = join(root, '.cache', 'examples');

/** The blocks of TypeScript in a file that stand alone, with what introduces them in a comment taken off. */
function blocksOf(source: string): string[] {
  const blocks = [...source.matchAll(/^( \* |\s+\* )?```ts\n([\s\S]*?)^\s*(\* )?```$/gm)].map(([, , block = '']) =>
    block.replace(/^\s*\* ?/gm, ''),
  );
  return blocks.filter((block) => block.includes('import '));
}

async function sources(): Promise<string[]> {
  const files = await readdir(join(root, 'src'), { recursive: true });
  const docs = await readdir(join(root, 'docs'));
  return [
    'README.md',
    ...docs.map((file) => join('docs', file)),
    ...files.filter((file) => file.endsWith('.ts')).map((file) => join('src', file)),
  ];
}

describe('examples', () => {
  const written: string[] = [];

  beforeAll(async () => {
    await mkdir(folder, { recursive: true });
    for (const file of await sources()) {
      for (const [index, block] of blocksOf(await readFile(join(root, file), 'utf8')).entries()) {
        const name = `${file.replace(/[^\w]/g, '-')}-${index}.ts`;
        await writeFile(join(folder, name), block);
        written.push(name);
      }
    }
    const compilerOptions = {
      noEmit: true,
      incremental: false,
      noUnusedLocals: false,
      noUnusedParameters: false,
      rootDir: root,
    };
    const config = { extends: '../../tsconfig.json', compilerOptions, include: ['*.ts'], exclude: [] };
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('of the README and of public names compile', async () => {
    expect(written.length).toBeGreaterThanOrEqual(14);
    const { stdout } = await runNode(['node_modules/typescript/lib/tsc.js', '-p', folder]);
    expect(stdout).toBe('');
  });
});
