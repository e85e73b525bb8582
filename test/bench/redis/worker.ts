import { Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { noopServer } from './noop.js';

/** A worker in a process of its own: of Errand, or of BullMQ as its documentation shows it. */
async function main([contender, url = '', name = '', concurrency = '1']: readonly string[]): Promise<void> {
  if (contender === 'errand') {
    await noopServer({ url, name }).startWorker({ concurrency: Number(concurrency) });
  } else {
    const worker = new Worker(name, () => Promise.resolve(), {
      connection: new Redis(url, { maxRetriesPerRequest: null }),
      concurrency: Number(concurrency),
    });
    await worker.waitUntilReady();
  }
  process.send?.('ready');
}

process.once('disconnect', () => process.exit(0));
await main(process.argv.slice(2));
