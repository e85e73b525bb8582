import { TestDocket } from '../helpers/redis.js';
import { engineContract } from './contract.js';

engineContract('redis', () => {
  const docket = new TestDocket();
  return { engine: docket.engine(), dispose: () => docket.dispose() };
});
