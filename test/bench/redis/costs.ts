import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Redis } from 'ioredis';

/** How much time of a processor a worker has used, in milliseconds. */
export async function cpuOf(child: ChildProcess): Promise<number> {
  const { user, system } = (await answer(child, 'cpu')) as NodeJS.CpuUsage;
  return (user + system) / 1_000;
}

/** The memory of a worker after its garbage is collected, in bytes. */
export async function memoryOf(child: ChildProcess): Promise<NodeJS.MemoryUsage> {
  return (await answer(child, 'memory')) as NodeJS.MemoryUsage;
}

async function answer(child: ChildProcess, question: string): Promise<unknown> {
  const answered = once(child, 'message');
  child.send(question);
  return (await answered)[0];
}

/** How much time of a processor Redis has used, in milliseconds. */
export async function redisCpu(redis: Redis): Promise<number> {
  const seconds = (await redis.info('cpu')).matchAll(/used_cpu_(?:user|sys):([\d.]+)/g);
  return [...seconds].reduce((sum, [, value]) => sum + Number(value) * 1_000, 0);
}

/** The memory that Redis has given out, in bytes. */
export async function redisMemory(redis: Redis): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
}

/** How many connections each of these users has. */
export async function connectionsOf(redis: Redis, users: readonly string[]): Promise<number[]> {
  const lines = String(await redis.client('LIST')).split('\n');
  return users.map((user) => lines.filter((line) => line.split(' ').includes(`user=${user}`)).length);
}
