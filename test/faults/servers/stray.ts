import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { createServer, defineTool } from '../../../src/index.js';

const nothing = undefined as unknown as Error;

function trap(): never {
  throw new Error('a trap');
}

/** Leaves something behind that fails when nobody looks, while the call itself goes on for `ms`. */
const strays = {
  rejects: () => void sleep(20).then(() => Promise.reject(new Error('nobody awaits this'))),
  throws: () =>
    void setTimeout(() => {
      throw new Error('thrown in a timer');
    }, 20),
  nothing: () => void Promise.reject(nothing),
  trap: () => void Promise.reject(new Proxy(new Error(), { get: () => trap(), getPrototypeOf: () => trap() })),
  emits: () => void setTimeout(() => new EventEmitter().emit('error', new Error('nobody listens')), 20),
};

const stray = defineTool({
  name: 'stray',
  task: 'optional',
  input: z.object({ how: z.enum(['rejects', 'nothing', 'trap', 'throws', 'emits']), ms: z.number() }),
  run: async ({ how, ms }) => {
    strays[how]();
    await sleep(ms);
    return 'survived';
  },
});

const wait = defineTool({
  name: 'wait',
  task: 'optional',
  input: z.object({ ms: z.number() }),
  run: async ({ ms }) => {
    await sleep(ms);
    return 'waited';
  },
});

export const components = [stray, wait] as const;

export default createServer({ name: 'stray', version: '1.0.0', components, grace: '3s' });
