/**
 * A worker in a process of its own whose clock is wrong, until its stdin ends. Each first attempt fails and is repeated, the
 * second succeeds.
 */
import { once } from 'node:events';
import { RedisEngine } from '../../src/redis/redis-engine.js';

const [url = '', name = '', skew = ''] = process.argv.slice(2);

const Right = Date;
globalThis.Date = class extends Right {
  constructor(...given: [] | [number]) {
    super(given[0] ?? Date.now());
  }

  static override now(): number {
    return Right.now() + Number(skew);
  }
} as DateConstructor;

const engine = new RedisEngine({ url, name });
await engine.start();
const consumer = engine.consume(
  { worker: 'skewed', concurrency: 5 },
  {
    async run({ record, run }) {
      const failed = { type: 'retry', error: { code: 1, message: 'again' }, delay: 400 } as const;
      const done = { type: 'finish', outcome: { result: Date.now() } } as const;
      await engine.settle(record.key, run, record.attempt === 1 ? failed : done);
    },
    revoke: () => undefined,
  },
);
const { next } = await engine.schedule({
  id: 'sweep',
  when: { every: 3_600_000 },
  component: 'sweep',
  owner: 'anna',
  retry: { attempts: 1, delay: 0, backoff: 'fixed', maximumDelay: 0 },
  timeout: 60_000,
  ttl: 60_000,
});
process.stdout.write(`${next}\n`);
await once(process.stdin.resume(), 'end');
await consumer.stopIntake();
await consumer.idle();
await engine.close();
