import { expect } from '@jest/globals';
import { ErrandError } from '../../src/base/errors.js';

/** Code and message of the ErrandError that `run` throws, for exact comparison; anything else that happens, as it is. */
export function refusalOf(run: () => unknown): { code: string; message: string } {
  try {
    run();
  } catch (error) {
    if (ErrandError.is(error)) return { code: error.code, message: error.message };
    throw error;
  }
  return { code: 'NOTHING', message: 'nothing was thrown' };
}

/** The same for what `promise` is rejected with. */
export async function rejectionOf(promise: Promise<unknown>): Promise<{ code: string; message: string }> {
  try {
    await promise;
  } catch (error) {
    return refusalOf(() => {
      throw error;
    });
  }
  return { code: 'NOTHING', message: 'nothing was thrown' };
}

/** The error of `errand/client` when the server answers with that code of JSON-RPC, and a text that contains `text`. */
export const answeredWith = (code: number, text = ''): object => ({
  code: 'REQUEST_FAILED',
  data: { code },
  message: expect.stringContaining(text),
});
