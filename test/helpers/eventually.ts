/**
 * Waits until `check` neither throws nor rejects, and gives what it gave. It is tried again at once, later every few
 * milliseconds.
 *
 * @throws the last error of `check` once `timeout` milliseconds have passed. Default 15000: only a test that fails waits
 * so long, and a slow machine takes its time.
 */
export async function eventually<T>(check: () => T | Promise<T>, options: { timeout?: number } = {}): Promise<T> {
  const end = performance.now() + (options.timeout ?? 15_000);
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
