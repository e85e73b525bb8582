import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What a compiler says of all files in test/types/cases; nothing when everything is as they say. */
function diagnostics(compiler: string): Promise<string> {
  return new Promise((resolve) => {
    const args = [`node_modules/${compiler}`, '-p', 'test/types/cases/tsconfig.json', '--pretty', 'false'];
    execFile(process.execPath, args, { cwd: root }, (error, stdout, stderr) => {
      resolve(error ? `${stdout}${stderr}` || error.message : stdout);
    });
  });
}

describe('test/types/cases', () => {
  it.each([
    ['5.9', 'typescript-5.9/lib/tsc.js'],
    ['6.0', 'typescript/lib/tsc.js'],
    ['7.0', 'typescript-7.0/bin/tsc'],
  ])(
    'compile and fail to compile as they say under TypeScript %s',
    async (_version, compiler) => {
      expect(await diagnostics(compiler)).toBe('');
    },
    120_000,
  );
});
