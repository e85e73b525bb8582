import { ErrandError } from '../../base/errors.js';

/**
 * Splits a command into its words. Quotes keep spaces, as in a shell: nothing is special between single quotes, and
 * between double quotes `\"` and `\\` stand for the second character. Elsewhere a backslash is an ordinary character,
 * since paths of Windows have them.
 *
 * @throws {ErrandError} `CONNECT_TARGET` for a quote that is not closed
 */
export function wordsOf(command: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  // A quoted part, or a single character, with whatever precedes it in the same word.
  for (const [part, double, single] of command.matchAll(/"((?:[^"\\]|\\[^])*)"|'([^']*)'|[^]/g)) {
    const quoted = double?.replace(/\\(["\\])/g, '$1') ?? single;
    if (quoted !== undefined) {
      word = (word ?? '') + quoted;
    } else if (part === '"' || part === "'") {
      throw unclosed(part);
    } else if (!/\s/.test(part)) {
      word = (word ?? '') + part;
    } else if (word !== undefined) {
      words.push(word);
      word = undefined;
    }
  }
  return word === undefined ? words : [...words, word];
}

const unclosed = (quote: string): ErrandError =>
  new ErrandError(
    'CONNECT_TARGET',
    `connect was given a command with a quote (${quote}) that is not closed. Close it, or pass { command, args }.`,
  );
