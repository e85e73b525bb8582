import { expect, it } from '@jest/globals';
import { MemoryEngine } from '../../../src/docket/memory/memory-engine.js';
import type { ExecutionRecord } from '../../../src/docket/engine/record.js';
import { catchUp, type TaskListener } from '../../../src/tasks/relay.js';
import { anExecution } from '../../engine/contract/stage.js';

/** Counts how many records are read at once. */
class CountingEngine extends MemoryEngine {
  most = 0;
  private reading = 0;

  override async get(key: string): Promise<ExecutionRecord | undefined> {
    this.most = Math.max(this.most, ++this.reading);
    try {
      return await super.get(key);
    } finally {
      this.reading--;
    }
  }
}

it('reports the state of many tasks, reading a few at a time', async () => {
  const engine = new CountingEngine();
  const keys = Array.from({ length: 60 }, (_, index) => `task ${index}`);
  for (const key of keys) await engine.add(anExecution(key));
  const told: string[] = [];
  const nothing = (): void => undefined;
  const listener: TaskListener = {
    status: ({ key }) => told.push(key),
    progress: nothing,
    question: nothing,
    closed: nothing,
    notice: nothing,
  };
  await catchUp(engine, [...keys, 'unknown'], listener);
  expect(told).toEqual(keys);
  expect(engine.most).toBe(25);
  await engine.close();
});
