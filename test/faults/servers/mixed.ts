import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { z } from 'zod';
import {
  Context,
  createServer,
  CurrentDocket,
  CurrentExecution,
  defineJob,
  defineTool,
  Logger,
  Progress,
} from '../../../src/index.js';

/** Where calls note what they do: a Redis that is not killed. */
const {
  FAULTS_LOG_URL: logUrl = '',
  FAULTS_LOG: logName = '',
  FAULTS_LEASE: lease = '2s',
  FAULTS_MAX_BLOCK: maxBlock = '60s',
} = process.env;
const log = new Redis(logUrl, { lazyConnect: true });

const Numbered = z.object({ n: z.number().int() });

/** Notes a step of a call, before anything else can happen to it. */
async function note(step: object): Promise<void> {
  await log.rpush(logName, JSON.stringify(step));
}

const plain = defineTool({
  name: 'plain',
  input: Numbered,
  task: 'required',
  run: ({ n }) => `plain ${n}`,
});

const progressing = defineTool({
  name: 'progressing',
  input: Numbered,
  task: 'required',
  inject: [Progress],
  run: async ({ n }, progress) => {
    await progress.setTotal(4);
    for (let step = 1; step <= 4; step++) {
      await sleep(100);
      await progress.increment();
    }
    return `progressing ${n}`;
  },
});

const asking = defineTool({
  name: 'asking',
  input: Numbered,
  task: 'required',
  inject: [Context, CurrentExecution],
  run: async ({ n }, ctx, { key }) => {
    const answers: string[] = [];
    for (const question of n % 2 === 0 ? ['first'] : ['first', 'second']) {
      const { action, content } = (await ctx.elicit(`${n} ${question}`, z.string())) as {
        action: string;
        content?: string;
      };
      await note({ task: key, question, answer: content ?? action });
      answers.push(content ?? action);
      await sleep(50);
    }
    return `asking ${n}: ${answers.join(', ')}`;
  },
});

const failing = defineTool({
  name: 'failing',
  input: Numbered,
  task: 'required',
  retry: { attempts: 3, delay: 300, backoff: 'fixed' },
  inject: [CurrentExecution],
  run: ({ n }, { attempt }) => {
    if (attempt === 1) throw new TypeError('not at the first attempt');
    return `failing ${n}`;
  },
});

const later = defineJob({
  name: 'later',
  input: Numbered,
  run: async ({ n }) => {
    await note({ later: n });
    return n;
  },
});

const adding = defineTool({
  name: 'adding',
  input: Numbered,
  task: 'required',
  inject: [CurrentDocket],
  run: async ({ n }, docket) => {
    const execution = await docket.add(later, { n }, { key: `later-${n}`, when: 500 });
    return `adding ${n}: ${String(await execution.result())}`;
  },
});

const slow = defineTool({
  name: 'slow',
  input: Numbered,
  task: 'required',
  inject: [AbortSignal],
  run: async ({ n }, signal) => {
    await sleep(60_000, undefined, { signal });
    return `slow ${n}`;
  },
});

/** Long enough to be there when its worker dies. */
const lasting = defineTool({
  name: 'lasting',
  input: Numbered,
  task: 'required',
  inject: [CurrentExecution],
  run: async ({ n }, { key }) => {
    await note({ lasting: key });
    await sleep(2_000);
    return `lasting ${n}`;
  },
});

/** Crashes whoever runs it. */
const poisoned = defineTool({
  name: 'poisoned',
  input: Numbered,
  task: 'required',
  run: async ({ n }) => {
    await note({ poisoned: n });
    process.kill(process.pid, 'SIGKILL');
    await sleep(60_000);
  },
});

/** Leaves its worker no time for anything else for `n` seconds when it is run for the first time. */
const blocking = defineTool({
  name: 'blocking',
  input: Numbered,
  task: 'required',
  inject: [CurrentExecution],
  run: async ({ n }, { redelivered }) => {
    await note({ blocking: process.pid });
    // As a long computation would, but leaves the machine to others.
    if (!redelivered) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, n * 1_000);
    return `by ${process.pid}`;
  },
});

/** Leaves its worker no time for anything else for longer than a lease. */
const busy = defineTool({
  name: 'busy',
  input: Numbered,
  task: 'required',
  run: ({ n }) => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3_000);
    return `busy ${n}`;
  },
});

/** All clients of a test come from one address. */
const many = { sessions: 1_000, streams: 10_000, calls: 10_000, questions: 10_000 };

export default createServer({
  name: 'mixed',
  version: '1.0.0',
  components: [plain, progressing, asking, failing, later, adding, slow, lasting, poisoned, blocking, busy],
  logger: new Logger(() => undefined),
  docket: { worker: false, lease: lease as '2s', maxBlock: maxBlock as '60s' },
  http: { limits: { perAddress: { ...many, tasks: 10_000 }, perPrincipal: many } },
  grace: '1s',
});
