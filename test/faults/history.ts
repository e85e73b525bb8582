import type { Redis } from 'ioredis';
import { keysOf } from '../helpers/redis-leaks.js';
import { commandsIn, hashWrites, type Command } from './append-only-file.js';

/** Numbers that look random and are the same for the same seed. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export const isEnd = (state: string): boolean => ['completed', 'failed', 'cancelled'].includes(state);

/** What these tests look at of a record. */
export interface Fields {
  readonly key: string;
  readonly component: string;
  readonly state: string;
  readonly generation: string;
  readonly input?: string;
  readonly outcome?: string;
  readonly finishedAt?: string;
}

export async function recordsOf(redis: Redis, prefix: string): Promise<Fields[]> {
  const keys = (await keysOf(redis, prefix)).filter((key) => key.startsWith(`${prefix}:execution:`));
  const records = await Promise.all(keys.map((key) => redis.hgetall(key)));
  return records as unknown as Fields[];
}

/** What is known of executions that do not end, for a test that fails. */
export async function describeOpen(redis: Redis, prefix: string): Promise<string> {
  const records = await recordsOf(redis, prefix).catch(() => []);
  const open = records.filter(({ state }) => !isEnd(state));
  const details = open.slice(0, 10).map(async ({ input: _input, ...facts }) => {
    const questions = await redis.hgetall(`${prefix}:questions:${facts.key}`);
    return JSON.stringify([facts, questions]);
  });
  const alive = await redis.keys(`${prefix}:alive:*`).catch(() => []);
  return `of ${records.length} records open: ${open.length}; alive: ${alive.length}\n${(await Promise.all(details)).join('\n')}`;
}

/** An answer that Redis was told. */
export interface RecordedAnswer {
  readonly times: number;
  readonly at: number;
}

/** What Redis was told from an empty database on: until all its data was deleted, or until the end. */
export interface History {
  /** The states of each generation of each execution, in their order. */
  readonly states: ReadonlyMap<string, readonly string[]>;
  /** By execution and question. */
  readonly answers: ReadonlyMap<string, RecordedAnswer>;
}

/** What a Redis with an append-only file in this folder was told about a docket. */
export async function historiesIn(folder: string, prefix: string): Promise<History[]> {
  const ages: Command[][] = [[]];
  for (const command of await commandsIn(folder)) {
    if (/^flushall$/i.test(command.words[0]!)) ages.push([]);
    else ages.at(-1)!.push(command);
  }
  return ages.map((commands) => historyOf(commands, prefix));
}

function historyOf(commands: readonly Command[], prefix: string): History {
  const states = new Map<string, string[]>();
  const generations = new Map<string, string>();
  for (const { name, fields } of hashWrites(commands, `${prefix}:execution:`)) {
    const generation = fields.get('generation') ?? generations.get(name)!;
    generations.set(name, generation);
    const state = fields.get('state');
    const id = `${name} ${generation}`;
    if (state !== undefined) states.set(id, [...(states.get(id) ?? []), state]);
  }
  const answers = new Map<string, RecordedAnswer>();
  for (const { name, fields, at } of hashWrites(commands, `${prefix}:questions:`)) {
    for (const field of fields.keys()) {
      const id = `${name} ${field.slice(2)}`;
      if (field.startsWith('a:')) answers.set(id, { times: (answers.get(id)?.times ?? 0) + 1, at });
    }
  }
  return { states, answers };
}

/** Executions that did not end once, by their last step. `open` ones may have lost their data before. */
export const wronglyEnded = ({ states }: History, open: 'allowed' | 'wrong'): [string, readonly string[]][] =>
  [...states].filter(([, all]) => {
    const ends = all.filter(isEnd).length;
    return ends > 1 || (ends === 1 && !isEnd(all.at(-1)!)) || (ends === 0 && open === 'wrong');
  });

/** Questions that were answered more than once. */
export const answeredAgain = ({ answers }: History): string[] =>
  [...answers].filter(([, { times }]) => times !== 1).map(([question]) => question);

/** One step that a call has noted. */
interface Step {
  readonly task?: string;
  readonly question?: string;
  readonly answer?: string;
  readonly later?: number;
}

/** What the calls have noted of themselves, in a Redis that nobody breaks. */
export class Notes {
  readonly done = new Set<number>();
  /** The answers that each question of each task got, over all runs. */
  readonly used = new Map<string, Set<string>>();

  static async of(log: Redis, name: string): Promise<Notes> {
    const notes = new Notes();
    for (const line of await log.lrange(name, 0, -1)) {
      const { task, question, answer = '', later } = JSON.parse(line) as Step;
      if (later !== undefined) notes.done.add(later);
      if (question === undefined) continue;
      const id = `${task} ${question}`;
      notes.used.set(id, (notes.used.get(id) ?? new Set()).add(answer));
    }
    return notes;
  }

  /** Questions that got different answers in different runs. */
  get inconsistent(): string[] {
    return [...this.used].filter(([, answers]) => answers.size !== 1).map(([id]) => id);
  }
}
