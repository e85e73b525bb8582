import { createRequire } from 'node:module';
import { loadavg } from 'node:os';
import { startRedis } from '../../helpers/redis-server.js';
import { backlog } from './backlog.js';
import { latency, wakeUp } from './latency.js';
import { redelivery } from './redelivery.js';
import { throughput } from './throughput.js';
import { waiting } from './waiting.js';

const { version } = createRequire(import.meta.url)('bullmq/package.json') as { version: string };

/** What can be measured, each by its name or all in this order. */
const parts = { throughput, latency, 'wake-up': wakeUp, waiting, redelivery, backlog };

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in parts));
if (unknown.length > 0) {
  console.error(`There is no ${unknown.join(', ')}. There are: ${Object.keys(parts).join(', ')}.`);
  process.exit(1);
}

const load = (): string => `load ${loadavg()[0]?.toFixed(1)}`;
const start = performance.now();
console.log(
  `Node ${process.version}, BullMQ ${version}, ${load()}; what is compared was measured in turns, in this run`,
);
for (const [name, measure] of Object.entries(parts)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  const redis = await startRedis();
  try {
    await measure(redis.url);
  } finally {
    await redis.stop();
  }
}
console.log(`\n${((performance.now() - start) / 1_000).toFixed(0)} seconds, ${load()}`);
process.exit(0);
