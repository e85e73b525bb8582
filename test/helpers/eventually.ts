/**
 * Waits until `check` neither throws nor rejects, and gives what it gave. It is tried again at once, later every few
 * milliseconds.
 *
 * @throws the last error of `check` once `timeout` milliseconds have passed. Default 5000.
 */
export async function eventually<T>(check: () => T | Promise<T>, options: { timeout?: number } = {}): Promise<T> {
  const end = performance.now() + (options.timeout ?? 5000);
  for (let tries = 1; ; tries++) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() >= end) throw error;
    }
    await new Promise<void>((resolve) => {
      if (tries <= 20) setImmediate(resolve);
      else setTimeout(resolve, 5);
    });
  }
}
