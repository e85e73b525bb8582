import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** All commands that changed the data of a Redis with an append-only file that is never written anew, in their order. */
export async function commandsIn(folder: string): Promise<string[][]> {
  const names = await readdir(folder, { recursive: true });
  // Up to version 6 it is one file; later ones have a list of files, of which those named `incr` tell what happened.
  const files = names.filter((name) => name.endsWith('.incr.aof') || name.endsWith('appendonly.aof')).sort();
  const all: string[][] = [];
  for (const file of files) all.push(...parse(await readFile(join(folder, file))));
  return all;
}

/** Commands as Redis takes them from clients: the number of words, then each with its length. */
function parse(file: Buffer): string[][] {
  const commands: string[][] = [];
  let at = 0;
  const readLine = (): string => {
    const end = file.indexOf('\r\n', at);
    const line = file.toString('utf8', at, end);
    at = end + 2;
    return line;
  };
  while (at < file.length) {
    const line = readLine();
    // The time, in files that have it.
    if (line.startsWith('#')) continue;
    if (!line.startsWith('*')) throw new Error(`Not a command at ${at}: ${line.slice(0, 100)}`);
    const words: string[] = [];
    for (let left = Number(line.slice(1)); left > 0; left--) {
      const length = Number(readLine().slice(1));
      words.push(file.toString('utf8', at, at + length));
      at += length + 2;
    }
    commands.push(words);
  }
  return commands;
}

/** The fields that each step wrote into hashes whose keys begin with `prefix`. */
export function hashWrites(
  commands: readonly string[][],
  prefix: string,
): { name: string; fields: Map<string, string> }[] {
  const writes: { name: string; fields: Map<string, string> }[] = [];
  for (const [command = '', key = '', ...rest] of commands) {
    if (!/^h(m?set|setnx)$/i.test(command) || !key.startsWith(prefix)) continue;
    const fields = new Map<string, string>();
    for (let index = 0; index < rest.length; index += 2) fields.set(rest[index]!, rest[index + 1]!);
    writes.push({ name: key.slice(prefix.length), fields });
  }
  return writes;
}
