import { randomInt } from 'node:crypto';

/**
 * The memory that JSON.parse needs at most for each part of a text, in bytes. Measured as the peak of the process with V8
 * 11 to 13, beyond the text itself.
 */
const costs = { value: 26, container: 56, string: 40, distinctKey: 260 };

/** How many times the maximum size of a text its values may need. */
const memoryFactor = 5.5;
/** The maximum nesting: code that walks through the values must not run out of stack. */
const maximumDepth = 256;

/** Shorter texts, in bytes, cannot need much memory, so only their nesting is checked. */
const cheapSize = 64 * 1024;

/** How many distinct keys can be told apart; a power of two. */
const keySlots = 1 << 20;

const quote = 0x22;
const backslash = 0x5c;

/** A text to be parsed. */
export interface JsonText {
  readonly text: Uint8Array;
  /** Its name in refusals. */
  readonly what: 'body' | 'message';
  /** The maximum size of such texts, in bytes. */
  readonly largest: number;
}

/**
 * The reason not to parse a text, because it is nested too deep or would need far more memory than its size: `{},{},{}`
 * needs thirty times as much. Undefined for a text that may be parsed, which need not be valid JSON.
 */
export function refusalOfJson({ text: body, what, largest }: JsonText): string | undefined {
  // A level takes two bytes.
  if (body.length <= maximumDepth) return undefined;
  const keys = body.length > cheapSize ? new KeySet() : undefined;
  let values = 0;
  let containers = 0;
  let strings = 0;
  let depth = 0;
  // The last string.
  let begin = 0;
  let end = 0;
  for (let index = 0; index < body.length; index++) {
    switch (body[index]) {
      case quote: {
        const start = index + 1;
        index = endOfString(body, start);
        begin = start;
        end = index;
        if (end > start + 1) strings++;
        break;
      }
      case 0x3a: // :
        keys?.add(body, begin, end);
        if (end > begin + 1) strings--;
        break;
      case 0x2c: // ,
        values++;
        break;
      case 0x5b: // [
      case 0x7b: // {
        containers++;
        if (++depth > maximumDepth) return `The ${what} is nested deeper than ${maximumDepth} levels.`;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth--;
        break;
    }
  }
  if (keys === undefined) return undefined;
  const memory =
    values * costs.value + containers * costs.container + strings * costs.string + keys.size * costs.distinctKey;
  return memory <= memoryFactor * largest
    ? undefined
    : `The ${what} has too many values for its size. Send fewer at a time.`;
}

/** The index of the quote that ends the string at `start`. */
function endOfString(body: Uint8Array, start: number): number {
  let end = body.indexOf(quote, start);
  while (end > start && isEscaped(body, end, start)) end = body.indexOf(quote, end + 1);
  return end === -1 ? body.length : end;
}

function isEscaped(body: Uint8Array, at: number, start: number): boolean {
  let first = at;
  while (first > start && body[first - 1] === backslash) first--;
  return (at - first) % 2 === 1;
}

/** An approximate count of distinct keys. */
class KeySet {
  size = 0;
  private readonly seen = new Uint8Array(keySlots / 8);
  /** Random, so that a client cannot choose keys that collide. */
  private readonly multiplier = randomInt(2 ** 31) | 1;

  add(body: Uint8Array, start: number, end: number): void {
    let hash = end - start;
    for (let index = start; index < end; index++) hash = Math.imul(hash ^ (body[index] ?? 0), this.multiplier);
    const slot = (hash ^ (hash >>> 15)) & (keySlots - 1);
    const bit = 1 << (slot & 7);
    const found = this.seen[slot >> 3] ?? 0;
    if ((found & bit) !== 0) return;
    this.seen[slot >> 3] = found | bit;
    this.size++;
  }
}
