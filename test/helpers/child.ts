import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The root of the repository. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

/** The command `errand`, as it is built. */
export const cli = join(root, 'dist/cli/main.js');

/** A file of `test/e2e/fixtures`. */
export const fixtureFile = (name: string): string => join(root, 'test/e2e/fixtures', name);

/**
 * An environment in which programs of the tests are made of the built package: to compile the sources once more takes each
 * process seconds.
 */
export const asBuilt = {
  JITI_ALIAS: JSON.stringify({ '../../../src': join(root, 'dist'), '../../src': join(root, 'dist') }),
};

/** How a child process ended and what it printed. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. It never rejects for an exit code: the test says what it expects. */
export function runChild(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: Record<string, string> } = {},
): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd ?? root,
      env: { ...process.env, NODE_OPTIONS: '', ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', reject).on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** Runs a JavaScript program of the repository or of one of its packages under this Node. */
export function runNode(args: readonly string[], options?: Parameters<typeof runChild>[2]): Promise<Ended> {
  return runChild(process.execPath, args, options);
}
