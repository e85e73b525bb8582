/** Starts a Redis for tests, says where, and waits to be killed. */
import { startRedis } from '../helpers/redis-server.js';

const { url } = await startRedis();
process.stdout.write(`${url}\n`);
