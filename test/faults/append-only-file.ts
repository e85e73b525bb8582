import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A command that changed the data. */
export interface Command {
  readonly words: readonly string[];
  /** When, in milliseconds since 1970 and to the second; 0 in a file without times. */
  readonly at: number;
}

/** All commands that changed the data of a Redis with an append-only file that is never written anew, in their order. */
export async function commandsIn(folder: string): Promise<Command[]> {
  const names = await readdir(folder, { recursive: true });
  // Up to version 6 it is one file; later ones have a list of files, of which those named `incr` tell what happened.
  const files = names.filter((name) => name.endsWith('.incr.aof') || name.endsWith('appendonly.aof')).sort();
  const all: Command[] = [];
  for (const file of files) all.push(...parse(await readFile(join(folder, file))));
  return all;
}

/** Commands as Redis takes them from clients: the number of words, then each with its length. */
function parse(file: Buffer): Command[] {
  const commands: Command[] = [];
  let time = 0;
  let at = 0;
  const readLine = (): string => {
    const end = file.indexOf('\r\n', at);
    const line = file.toString('utf8', at, end);
    at = end + 2;
    return line;
  };
  while (at < file.length) {
    const line = readLine();
    if (line.startsWith('#')) {
      if (line.startsWith('#TS:')) time = Number(line.slice(4)) * 1_000;
      continue;
    }
    if (!line.startsWith('*')) throw new Error(`Not a command at ${at}: ${line.slice(0, 100)}`);
    const words: string[] = [];
    for (let left = Number(line.slice(1)); left > 0; left--) {
      const length = Number(readLine().slice(1));
      words.push(file.toString('utf8', at, at + length));
      at += length + 2;
    }
    commands.push({ words, at: time });
  }
  return commands;
}

/** What one command wrote into a hash. */
export interface HashWrite {
  /** What follows the prefix in the name of the hash. */
  readonly name: string;
  readonly fields: ReadonlyMap<string, string>;
  readonly at: number;
}

/** What was written into hashes whose keys begin with `prefix`. */
export function hashWrites(commands: readonly Command[], prefix: string): HashWrite[] {
  const writes: HashWrite[] = [];
  for (const { words, at } of commands) {
    const [command = '', key = '', ...rest] = words;
    if (!/^h(m?set|setnx)$/i.test(command) || !key.startsWith(prefix)) continue;
    const fields = new Map<string, string>();
    for (let index = 0; index < rest.length; index += 2) fields.set(rest[index]!, rest[index + 1]!);
    writes.push({ name: key.slice(prefix.length), fields, at });
  }
  return writes;
}
