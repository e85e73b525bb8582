import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { errorTable } from '../../src/base/errors.js';
import { root } from '../helpers/child.js';

/** The codes that a text makes errors of: thrown ones, and those of an outcome that is stored. Comparing is not making. */
const codesMadeIn = (text: string): string[] =>
  [...text.matchAll(/(?:new ErrandError\(\s*|\bcode: )'([A-Z_]+)'/g)].map(([, code = '']) => code);

it('makes an error of every code in the table', async () => {
  const files = await readdir(join(root, 'src'), { recursive: true });
  const sources = files.filter((file) => file.endsWith('.ts') && file !== join('base', 'errors.ts'));
  const texts = await Promise.all(sources.map((file) => readFile(join(root, 'src', file), 'utf8')));
  const made = new Set(texts.flatMap(codesMadeIn));
  expect(Object.keys(errorTable).filter((code) => !made.has(code))).toEqual([]);
});
