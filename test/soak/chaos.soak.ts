import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { prefixOf } from '../../src/redis/keys.js';
import { Fleet, StubbornClient } from '../faults/fleet.js';
import {
  answeredAgain,
  describeOpen,
  historiesIn,
  isEnd,
  Notes,
  randomOf,
  recordsOf,
  wronglyEnded,
} from '../faults/history.js';
import { root } from '../helpers/child.js';
import { eventually } from '../helpers/eventually.js';
import { testRedisUrl } from '../helpers/redis.js';
import { leaks } from '../helpers/redis-leaks.js';
import { freshName } from '../helpers/redis-server.js';

const count = 500;
const kinds = ['plain', 'progressing', 'asking', 'failing', 'adding', 'asking', 'busy', 'plain', 'asking', 'slow'];
/** For how long things are broken, in milliseconds. */
const chaosTime = 420_000;
/** How long what is left may take afterwards, in milliseconds. */
const calmTime = 150_000;
/** A prompt may be on its way while the answer from elsewhere arrives, in milliseconds. */
const onItsWay = 10_000;

const given = process.env['ERRAND_TEST_SEED'];
const seed = given === undefined ? Date.now() % 1_000_000 : Number(given);

/** A task as its client knows it. */
interface Submitted {
  readonly taskId: string;
  readonly kind: string;
  readonly n: number;
  end?: 'result' | 'cancelled' | 'lost' | 'interrupted';
}

/** What a client saw of a question. */
interface Prompt {
  readonly question: string;
  readonly at: number;
}

it(
  `${count} mixed tasks end once and nobody is asked twice, whatever is killed, stopped, cut off, blocked or deleted`,
  async () => {
    const random = randomOf(seed);
    const name = freshName();
    const prefix = prefixOf(name);
    const log = new Redis(testRedisUrl());
    const stop = new AbortController();
    const fleet = await Fleet.start(join(root, 'test/faults/servers/mixed.ts'), {
      nodes: 2,
      workers: 3,
      lines: true,
      env: { ERRAND_DOCKET_NAME: name, FAULTS_LOG_URL: testRedisUrl(), FAULTS_LOG: name, FAULTS_LEASE: '2s' },
    });
    const redis = new Redis(fleet.url, { maxRetriesPerRequest: null });
    redis.on('error', () => undefined);

    const chaos: string[] = [];
    const submitted: Submitted[] = [];
    const prompts: Prompt[] = [];
    const undone = new Set<number>();
    let flushedAt = Infinity;
    let answers = 0;
    const answer = async (question: string): Promise<string> => {
      prompts.push({ question, at: Date.now() });
      const each = `answer ${++answers} to ${question}`;
      await sleep(random() * 2_000);
      return each;
    };
    const clients = Array.from({ length: 4 }, () => new StubbornClient(fleet.nodes, answer, stop.signal));

    /** Submits a task and follows it to its end. One that was lost with all data is submitted anew, with another number. */
    const play = async (n: number, kind: string): Promise<void> => {
      const client = clients[n % clients.length]!;
      const params = { name: kind, arguments: { n }, task: { ttl: 1_200_000 } };
      const { result, error } = await client.request('tools/call', params);
      if (error) throw new Error(`${kind} ${n} is refused: ${error.message}`);
      const { taskId } = result?.['task'] as { taskId: string };
      const task: Submitted = { taskId, kind, n };
      submitted.push(task);
      if (kind === 'slow') {
        await sleep(random() * 3_000);
        const { error } = await client.request('tasks/cancel', { taskId });
        // It was cancelled already, by a request whose answer was lost.
        if (!error || /cancelled|terminal|ended/.test(error.message)) task.end = 'cancelled';
        else return anew(task, error.message);
        return;
      }
      const { result: outcome, error: failure } = await client.request('tasks/result', { taskId });
      if (failure) return anew(task, failure.message);
      expect(JSON.stringify(outcome?.['content'])).toMatch(new RegExp(`"${kind} ${n}\\b`));
      task.end = 'result';
    };
    const anew = async (task: Submitted, message: string): Promise<void> => {
      // Whether that is true is checked below.
      if (/interrupted without an outcome more than 3 times/.test(message)) {
        task.end = 'interrupted';
        return;
      }
      // Only what was there when all data was deleted may get lost.
      if (flushedAt === Infinity || !/No execution has the key/.test(message) || task.n >= count) {
        throw new Error(`${task.kind} ${task.n}: ${message}`);
      }
      task.end = 'lost';
      await play(task.n + count, task.kind);
    };

    const breakThings = async (): Promise<void> => {
      const end = Date.now() + chaosTime;
      const flushAt = Date.now() + chaosTime * (0.3 + random() * 0.4);
      while (Date.now() < end) {
        await sleep(1_000 + random() * 4_000);
        const index = Math.floor(random() * 3);
        const what = random() < 0.6 ? 'worker' : 'node';
        const length = 500 + Math.floor(random() * 7_500);
        if (flushedAt === Infinity && Date.now() > flushAt) {
          await eventually(() => redis.flushall(), { timeout: 20_000 });
          flushedAt = Date.now();
          chaos.push('FLUSHALL');
          continue;
        }
        const dice = random();
        chaos.push(
          `${dice < 0.35 ? 'kill' : dice < 0.6 ? 'pause' : dice < 0.85 ? 'cut off' : 'kill redis'} ${what} ${index}`,
        );
        if (dice < 0.35) await fleet.kill(what, index);
        else if (dice < 0.6) await fleet.pause(what, index, length);
        else if (dice < 0.85) await fleet.cutOff(what, index, length);
        else await fleet.kill('redis', 0);
      }
    };

    fleet.supervise();
    const breaking = breakThings();
    breaking.catch(() => undefined);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`Not done: ${[...undone].join(', ')}`)), chaosTime + calmTime);
    });
    try {
      await Promise.race([late, check()]);
    } catch (error) {
      const troubles = clients.flatMap((client) => client.troubles.slice(-3)).join('\n');
      const what = await Promise.race([describeOpen(redis, prefix), sleep(5_000, 'Redis cannot be reached')]);
      throw new Error(`ERRAND_TEST_SEED=${seed}; ${chaos.join(', ')}; ${what}\n${fleet.lastWords}\n${troubles}`, {
        cause: error,
      });
    } finally {
      clearTimeout(timer);
      stop.abort();
      await breaking.catch(() => undefined);
      redis.disconnect();
      await fleet.stop();
      await log.del(name);
      log.disconnect();
    }

    async function check(): Promise<void> {
      await Promise.all(clients.map((client) => client.request('ping', {})));
      const all = Array.from({ length: count }, async (_, n) => {
        await sleep((n / count) * chaosTime * 0.95);
        undone.add(n);
        await play(n, kinds[n % kinds.length]!);
        undone.delete(n);
      });
      await Promise.all([...all, breaking]);

      // A submission whose answer was lost has made a task that its client knows nothing of: it is brought to its end.
      const known = new Set(submitted.map(({ taskId }) => taskId));
      const unknown = (await recordsOf(redis, prefix)).filter(
        ({ key, component, input }) => !known.has(key) && component !== 'later' && input,
      );
      await Promise.all(
        unknown.map(({ key, component }, index) =>
          clients[index % clients.length]!.request(component === 'slow' ? 'tasks/cancel' : 'tasks/result', {
            taskId: key,
          }),
        ),
      );
      await eventually(
        async () => expect((await recordsOf(redis, prefix)).filter(({ state }) => !isEnd(state))).toEqual([]),
        { timeout: 30_000 },
      );

      // As the clients saw it: each number has one end, and what was lost was there before all data was deleted.
      const ends = new Map<number, number>();
      for (const { n, end } of submitted) if (end !== 'lost') ends.set(n % count, (ends.get(n % count) ?? 0) + 1);
      expect([...ends].filter(([, times]) => times !== 1)).toEqual([]);
      expect(ends.size).toBe(count);

      // As Redis saw it.
      const histories = await historiesIn(fleet.data, prefix);
      expect(histories).toHaveLength(flushedAt === Infinity ? 1 : 2);
      for (const [index, history] of histories.entries()) {
        expect(wronglyEnded(history, index === histories.length - 1 ? 'wrong' : 'allowed')).toEqual([]);
        expect(answeredAgain(history)).toEqual([]);
      }
      // A call that was lost too often was begun as often.
      const interrupted = submitted.filter(({ end }) => end === 'interrupted').map(({ taskId }) => taskId);
      expect(interrupted.length).toBeLessThan(count / 50);
      for (const taskId of interrupted) {
        const runs = histories
          .flatMap(({ states }) => [...states])
          .flatMap(([id, all]) => (id.startsWith(`${taskId} `) ? all : []))
          .filter((state) => state === 'running');
        expect(runs.length).toBeGreaterThan(3);
      }
      // As both saw it: nobody is asked what has been answered.
      const questionOf = new Map(submitted.filter(({ kind }) => kind === 'asking').map(({ taskId, n }) => [taskId, n]));
      const answeredAt = new Map<string, number>();
      for (const { answers } of histories) {
        for (const [id, { at }] of answers) {
          const n = questionOf.get(id.split(' ')[0]!);
          // The first question of a call is asked before the second one.
          if (n === undefined) continue;
          const question = answeredAt.has(`${n} first`) ? `${n} second` : `${n} first`;
          answeredAt.set(question, at);
        }
      }
      expect(answeredAt.size).toBeGreaterThan(0);
      expect(prompts.filter(({ question, at }) => at > (answeredAt.get(question) ?? Infinity) + onItsWay)).toEqual([]);

      const { inconsistent, done } = await Notes.of(log, name);
      expect(inconsistent).toEqual([]);
      for (const { kind, n, end } of submitted) if (kind === 'adding' && end === 'result') expect(done).toContain(n);

      await fleet.leave();
      expect(await leaks(redis, prefix)).toEqual([]);
    }
  },
  chaosTime + calmTime + 60_000,
);
