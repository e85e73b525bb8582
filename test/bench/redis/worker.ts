import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { benchServer, clock, type Place } from './work.js';

/** A worker in a process of its own: of Errand, or of BullMQ as its documentation shows it. */
async function main([contender, place = '', concurrency = '1']: readonly string[]): Promise<void> {
  const { url, name, ...options } = JSON.parse(place) as Place;
  if (contender === 'errand') {
    await benchServer({ url, name, ...options }).startWorker({ concurrency: Number(concurrency) });
  } else {
    const worker = new Worker(name, (job) => Promise.resolve(job.name === 'stamp' ? clock() : undefined), {
      connection: new Redis(url, { maxRetriesPerRequest: null }),
      concurrency: Number(concurrency),
    });
    await worker.waitUntilReady();
  }
  process.send?.('ready');
}

/** The memory of this process without what nobody holds. */
function memory(): NodeJS.MemoryUsage {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  collect();
  return process.memoryUsage();
}

process.on('message', (question) => process.send?.(question === 'memory' ? memory() : process.cpuUsage()));
process.once('disconnect', () => process.exit(0));
await main(process.argv.slice(2));
