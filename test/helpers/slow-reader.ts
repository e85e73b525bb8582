import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';

/** Longer than a process takes to exit that waits for nobody, in milliseconds. */
export const slowness = 500;

/** What a stream gives to a reader who takes a first piece, and the rest {@link slowness} later. */
export async function readSlowly(stream: Readable): Promise<string> {
  let text = '';
  stream.setEncoding('utf8').on('data', (piece: string) => (text += piece));
  const ended = once(stream, 'end');
  await once(stream, 'data');
  stream.pause();
  await sleep(slowness);
  stream.resume();
  await ended;
  return text;
}
