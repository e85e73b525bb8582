import { TestDocket } from '../helpers/redis.js';
import { engineContract } from './contract.js';

// An untested version of BullMQ, whose own scripts are not run within ours.
engineContract('redis with an untested BullMQ,', () => {
  const docket = new TestDocket();
  return { engine: docket.engine({ bullmq: undefined }), dispose: () => docket.dispose() };
});
