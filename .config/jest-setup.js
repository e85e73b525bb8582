import { createJiti } from 'jiti';

/**
 * One Redis for the whole run, unless ERRAND_TEST_REDIS_URL names one. Where it cannot be had, the tests that need it
 * fail with the reason, and the others run.
 */
export default async function setUp() {
  if (process.env.ERRAND_TEST_REDIS_URL !== undefined) return;
  try {
    const { startRedis } = await createJiti(import.meta.url).import('../test/helpers/redis-server.ts');
    const { url, pid } = await startRedis();
    process.env.ERRAND_TEST_REDIS_URL = url;
    process.env.ERRAND_TEST_REDIS_PID = String(pid);
  } catch (error) {
    process.env.ERRAND_TEST_REDIS_MISSING = `${error.message} (${error.cause?.message ?? 'no other cause'})`;
  }
}
