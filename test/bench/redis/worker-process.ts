import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Place } from './work.js';

const jiti = createRequire(import.meta.url)
  .resolve('jiti/package.json')
  .replace(/package\.json$/, 'lib/jiti-cli.mjs');
const program = fileURLToPath(new URL('worker.ts', import.meta.url));

/** Starts a worker; it ends with this process, however that ends. */
export async function startWorker(
  contender: 'errand' | 'bullmq',
  place: Place,
  concurrency: number,
): Promise<ChildProcess> {
  const child = fork(jiti, [program, contender, JSON.stringify(place), String(concurrency)]);
  await said(child, 'ready');
  return child;
}

/** Resolves when a worker has said so. */
export function said(child: ChildProcess, word: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const listen = (message: unknown): void => {
      if (message !== word) return;
      child.off('message', listen).off('exit', ended);
      resolve();
    };
    const ended = (): void => reject(new Error(`A worker ended before it said '${word}'`));
    child.on('message', listen).once('exit', ended);
  });
}

/** Ends workers, those as well that hold work. */
export async function stopWorkers(...children: readonly ChildProcess[]): Promise<void> {
  await Promise.all(
    children.map(async (child) => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    }),
  );
}
