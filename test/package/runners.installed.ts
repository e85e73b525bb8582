import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { root, runChild, runNode } from '../helpers/child.js';

/** Has its own vitest and ts-jest; all else that it needs are the packages of this repository, which lies around it. */
const project = join(root, 'test/package/fixtures/runners');
const installed = join(project, 'node_modules/errand');

beforeAll(async () => {
  // vitest treats a package that is linked as sources of the project. So it gets what npm would install.
  const folder = await mkdtemp(join(tmpdir(), 'errand-packed-'));
  const pack = await runChild('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder]);
  const tarball = join(folder, pack.stdout.trim());
  await rm(installed, { recursive: true, force: true });
  await mkdir(installed);
  expect(await runChild('tar', ['-xzf', tarball, '-C', installed, '--strip-components=1'])).toMatchObject({ code: 0 });
  await rm(folder, { recursive: true });
});

afterAll(() => rm(installed, { recursive: true, force: true }));

it('the example runs in vitest', async () => {
  const ended = await runNode(['node_modules/vitest/vitest.mjs', 'run', '--no-color'], { cwd: project });
  expect(ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/Tests +2 passed/) });
});

it('the example runs in node:test', async () => {
  const ended = await runNode(['--import', 'tsx', '--test', 'node-test/calendar.spec.ts'], { cwd: project });
  expect(ended).toMatchObject({ code: 0, stdout: expect.stringContaining('# pass 2') });
});

it.each(['jest.config.js', 'jest.ts-jest.config.js'])('the example runs in Jest with %s', async (config) => {
  const ended = await runNode([join(root, 'node_modules/jest/bin/jest.js'), '-c', config], { cwd: project });
  expect(ended).toMatchObject({ code: 0, stderr: expect.stringContaining('2 passed, 2 total') });
});

it('the examples compile', async () => {
  const tsc = await runNode([join(root, 'node_modules/typescript/lib/tsc.js'), '-p', '.'], { cwd: project });
  expect(tsc).toMatchObject({ code: 0, stdout: '' });
});

it('the declarations of CommonJS are sound', async () => {
  const tsc = await runNode([join(root, 'node_modules/typescript/lib/tsc.js'), '-p', 'types'], { cwd: project });
  expect(tsc).toMatchObject({ code: 0, stdout: '' });
});
