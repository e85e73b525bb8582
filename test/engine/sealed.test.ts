import { randomBytes } from 'node:crypto';
import { MemoryEngine } from '../../src/docket/memory/memory-engine.js';
import { SealedEngine } from '../../src/docket/sealing/sealed-engine.js';
import { Sealer } from '../../src/docket/sealing/sealer.js';
import { FakeClock } from '../helpers/fake-clock.js';
import { engineContract } from './contract.js';

// Sealing changes nothing of what an engine does.
engineContract('sealed memory', () => {
  const clock = new FakeClock();
  const memory = new MemoryEngine({ clock, onError: () => undefined });
  const fail = (error: unknown): never => {
    throw error;
  };
  return { engine: new SealedEngine(memory, new Sealer([randomBytes(32)], 'contract'), fail), clock };
});
