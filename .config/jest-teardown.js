/** Stops the Redis that jest-setup.js has started. */
export default function tearDown() {
  const { ERRAND_TEST_REDIS_PID: pid } = process.env;
  if (pid !== undefined) process.kill(Number(pid));
}
