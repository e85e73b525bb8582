/** A process of its own, to be killed: it sets the schedule `nightly`, makes ticks, and works on nothing. */
import { RedisEngine } from '../../src/redis/redis-engine.js';

const [url = '', name = '', schedule = ''] = process.argv.slice(2);
const engine = new RedisEngine({ url, name });
await engine.start();
await engine.schedule(JSON.parse(schedule) as Parameters<typeof engine.schedule>[0]);
process.stdout.write('ready\n');
