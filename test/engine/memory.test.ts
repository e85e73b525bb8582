import { MemoryEngine } from '../../src/docket/memory/memory-engine.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { engineContract } from './contract.js';

engineContract('memory', () => {
  const clock = new FakeClock();
  return { engine: new MemoryEngine({ clock, onError: () => undefined }), clock };
});
