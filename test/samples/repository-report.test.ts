import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

const run = promisify(execFile);

describe('samples/repository-report', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'errand-sample-'));
    await mkdir(join(folder, 'test'));
    await writeFile(join(folder, 'main.ts'), 'one\ntwo\nthree\n');
    await writeFile(join(folder, 'notes.md'), 'a line without an end');
    await writeFile(join(folder, 'picture.png'), 'no language');
    await writeFile(join(folder, 'test', 'main.test.ts'), '\n\n');
  });

  afterAll(() => rm(folder, { recursive: true }));

  it('counts a folder in the foreground and as a task, and its client is content with both', async () => {
    const { stdout } = await run(process.execPath, [
      'node_modules/jiti/lib/jiti-cli.mjs',
      'samples/repository-report/client.ts',
      folder,
    ]);
    expect(stdout).toContain('3 of 3 files');
    expect(stdout.match(/\? 1 files with 2 lines are tests/g)).toHaveLength(2);
    expect(stdout).toMatch(/TypeScript +2 +5\n +Markdown +1 +1\n +all +3 +6\n/);
  });

  it('exits with an error when the tool fails', async () => {
    const failed = run(process.execPath, [
      'node_modules/jiti/lib/jiti-cli.mjs',
      'samples/repository-report/client.ts',
      join(folder, 'nowhere'),
    ]);
    await expect(failed).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('Cannot read the folder') });
  });
});
