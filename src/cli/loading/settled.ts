import { ErrandError } from '../../base/errors.js';

/** How long a server file may take before the command says that it still waits, in milliseconds. */
const patience = 10_000;

/**
 * Waits for a server file. One that takes long is mentioned on stderr; one that can never finish, because nothing is left
 * that could settle what it awaits, fails instead of ending the process without a word.
 *
 * @throws {ErrandError} `SERVER_FILE`; and what `loading` is rejected with
 */
export async function settled<T>(file: string, loading: Promise<T>, longest = patience): Promise<T> {
  const { promise: never, reject } = rejectable();
  const what = 'a top-level await, or the promise or function that it exports as default, has not settled';
  const onIdle = (): void => {
    reject(new ErrandError('SERVER_FILE', `${file} never finishes loading: ${what}, and nothing is left that could.`));
  };
  const reminder = setTimeout(() => {
    process.stderr.write(`errand: still waiting for ${file} after ${longest / 1_000} seconds: ${what}.\n`);
  }, longest).unref();
  process.once('beforeExit', onIdle);
  try {
    return await Promise.race([loading, never]);
  } finally {
    clearTimeout(reminder);
    process.off('beforeExit', onIdle);
  }
}

function rejectable(): { promise: Promise<never>; reject: (error: Error) => void } {
  let reject!: (error: Error) => void;
  const promise = new Promise<never>((_resolve, rejected) => (reject = rejected));
  return { promise, reject };
}
