import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { optionOf } from '../../src/server/environment.js';
import { root } from '../helpers/child.js';

it('[D8] lists every environment variable in the README, with its option, and names it where the option is described', async () => {
  const readme = await readFile(join(root, 'README.md'), 'utf8');
  const rows = [...readme.matchAll(/^\| `(ERRAND_[A-Z_]+)` +\| `([A-Za-z.]+)` +\|/gm)];
  expect(Object.fromEntries(rows.map(([, variable, option]) => [variable, option]))).toEqual(optionOf);
  const described = await readFile(join(root, 'src/server/options.ts'), 'utf8');
  for (const variable of Object.keys(optionOf)) expect(described).toContain(`\`${variable}\``);
});

it('[D8] reads no environment variable that is not listed', async () => {
  const files = (await readdir(join(root, 'src'), { recursive: true })).filter((file) => file.endsWith('.ts'));
  const texts = await Promise.all(files.map((file) => readFile(join(root, 'src', file), 'utf8')));
  const named = new Set(texts.flatMap((text) => text.match(/\bERRAND_[A-Z][A-Z_]+\b/g) ?? []));
  expect([...named].filter((name) => optionOf[name] === undefined)).toEqual([]);
});
