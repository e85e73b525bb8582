import { MemoryEngine } from '../../src/docket/memory-engine.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { engineContract } from './contract.js';

engineContract('memory', () => {
  const clock = new FakeClock();
  return { engine: new MemoryEngine({ clock, onError: () => undefined }), clock };
});

// The same on the clock of the machine, as an engine must pass it whose clock cannot be turned.
engineContract('memory (real time)', () => ({ engine: new MemoryEngine({ onError: () => undefined }) }));
