import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { prefixOf } from '../../src/redis/keys.js';
import { root } from '../helpers/child.js';
import { eventually } from '../helpers/eventually.js';
import { testRedisUrl } from '../helpers/redis.js';
import { leaks } from '../helpers/redis-leaks.js';
import { freshName } from '../helpers/redis-server.js';
import { Fleet, StubbornClient } from './fleet.js';
import {
  answeredAgain,
  describeOpen,
  historiesIn,
  isEnd,
  Notes,
  randomOf,
  recordsOf,
  wronglyEnded,
} from './history.js';

const count = 500;
const kinds = ['plain', 'progressing', 'asking', 'asking', 'failing', 'adding', 'asking', 'slow', 'plain', 'asking'];

const given = process.env['ERRAND_TEST_SEED'];
const seed = given === undefined ? Date.now() % 1_000_000 : Number(given);

describe(`${count} mixed tasks while worker, node and Redis are killed`, () => {
  it('each ends once, each question is answered once, nothing is lost and nothing is left', async () => {
    const random = randomOf(seed);
    const name = freshName();
    const log = new Redis(testRedisUrl());
    const stop = new AbortController();
    const fleet = await Fleet.start(join(root, 'test/faults/servers/mixed.ts'), {
      nodes: 2,
      workers: 2,
      env: { ERRAND_DOCKET_NAME: name, FAULTS_LOG_URL: testRedisUrl(), FAULTS_LOG: name, FAULTS_LEASE: '2s' },
    });
    const redis = new Redis(fleet.url, { maxRetriesPerRequest: null });
    redis.on('error', () => undefined);
    const chaos: string[] = [];
    let given = 0;
    // No two answers are the same, so that it shows which one counted.
    const answer = async (question: string): Promise<string> => {
      const each = `answer ${++given} to ${question}`;
      await sleep(random() * 300);
      return each;
    };
    const tasks = new Map<string, { readonly kind: string; readonly n: number }>();
    const undone = new Map<number, string>();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`Not done: ${JSON.stringify([...undone].slice(0, 20))}`)), 100_000);
    });
    const clients = Array.from({ length: 4 }, () => new StubbornClient(fleet.nodes, answer, stop.signal));
    const clientOf = (n: number): StubbornClient => clients[n % clients.length]!;
    try {
      await Promise.race([play(), late]);
    } catch (error) {
      const what = `${undone.size} tasks not done; ${await describeOpen(redis, prefixOf(name))}`;
      const how = `ERRAND_TEST_SEED=${seed}; killed: ${chaos.join(', ')}; ${what}`;
      const troubles = clients.flatMap((client) => client.troubles.slice(-3)).join('\n');
      throw new Error(`${how}\n${fleet.lastWords}\n${troubles}`, { cause: error });
    } finally {
      clearTimeout(timer);
      stop.abort();
      redis.disconnect();
      await fleet.stop();
      await log.del(name);
      log.disconnect();
    }

    async function play(): Promise<void> {
      const cancelled = new Set<string>();

      const submit = async (n: number): Promise<void> => {
        const kind = kinds[n % kinds.length]!;
        const params = { name: kind, arguments: { n }, task: { ttl: 600_000 } };
        const { result, error } = await clientOf(n).request('tools/call', params);
        if (error) throw new Error(error.message);
        const { taskId } = result?.['task'] as { taskId: string };
        tasks.set(taskId, { kind, n });
        if (kind === 'slow') {
          await sleep(random() * 1_000);
          await cancel(taskId, n);
          cancelled.add(taskId);
          return;
        }
        await follow(taskId, { kind, n });
      };
      const cancel = async (taskId: string, n: number): Promise<void> => {
        const { error } = await clientOf(n).request('tasks/cancel', { taskId });
        // It was cancelled already, by a request whose answer was lost.
        if (error && !/cancelled|terminal|ended/.test(error.message)) throw new Error(error.message);
      };
      const follow = async (taskId: string, { kind, n }: { kind: string; n: number }): Promise<void> => {
        const { result, error } = await clientOf(n).request('tasks/result', { taskId });
        if (error) throw new Error(`${kind} ${n}: ${error.message}`);
        expect(JSON.stringify(result?.['content'])).toMatch(new RegExp(`"${kind} ${n}\\b`));
      };

      await Promise.all(clients.map((client) => client.request('ping', {})));
      const all = Promise.all(
        Array.from({ length: count }, async (_, n) => {
          await sleep((n / count) * 5_000);
          undone.set(n, kinds[n % kinds.length]!);
          await submit(n);
          undone.delete(n);
        }),
      );
      const kills: ('worker' | 'node' | 'redis')[] = ['worker', 'worker', 'node', 'node', 'redis', 'redis'];
      const causing = (async () => {
        while (kills.length > 0) {
          await sleep(300 + random() * 900);
          const [what = 'redis'] = kills.splice(Math.floor(random() * kills.length), 1);
          const index = Math.floor(random() * 2);
          chaos.push(`${what} ${index}`);
          await fleet.kill(what, index);
        }
      })();
      await Promise.all([all, causing]);

      // A submission whose answer was lost has made a task that its client knows nothing of: it is brought to its end.
      const prefix = prefixOf(name);
      const records = await eventually(async () => {
        const found = await recordsOf(redis, prefix);
        expect(found.length).toBeGreaterThan(0);
        return found;
      });
      const unknown = records.filter(({ key, component }) => !tasks.has(key) && component !== 'later');
      await Promise.all(
        unknown.map(async ({ key, component, input }) => {
          if (!input) return;
          const { n } = JSON.parse(input) as { n: number };
          if (component === 'slow') await cancel(key, n);
          else await follow(key, { kind: component, n });
        }),
      );
      await eventually(async () => {
        const open = (await recordsOf(redis, prefix)).filter(({ state }) => !isEnd(state));
        expect(open).toEqual([]);
      });
      const [history, ...others] = await historiesIn(fleet.data, prefix);
      expect(others).toEqual([]);
      expect(wronglyEnded(history!, 'wrong')).toEqual([]);
      expect(history!.states.size).toBeGreaterThanOrEqual(count);
      expect(answeredAgain(history!)).toEqual([]);
      const asked = kinds.filter((kind) => kind === 'asking').length * (count / kinds.length);
      expect(history!.answers.size).toBeGreaterThanOrEqual(asked);

      const after = new Map((await recordsOf(redis, prefix)).map((record) => [record.key, record]));
      for (const [taskId, { kind, n }] of tasks) {
        const record = after.get(taskId);
        expect([kind, n, record?.state]).toEqual([kind, n, cancelled.has(taskId) ? 'cancelled' : 'completed']);
      }
      // Whatever was run again got the answers of before.
      const { inconsistent, done } = await Notes.of(log, name);
      expect(inconsistent).toEqual([]);
      for (const { kind, n } of tasks.values()) if (kind === 'adding') expect(done).toContain(n);

      await fleet.leave();
      expect(await leaks(redis, prefix)).toEqual([]);
    }
  }, 120_000);
});
