import { randomInt } from 'node:crypto';

/**
 * What JSON.parse takes for each part of a text at most, in bytes: measured as what the process needs at its peak with V8
 * 11 to 13, beyond the text itself.
 */
const costs = { value: 26, container: 56, string: 40, distinctKey: 260 };

/** The most that a body may take, and how deep it may be nested: what walks through it must not run out of stack. */
const mostBytes = 22 * 1024 * 1024;
const deepest = 256;

/** Shorter bodies cannot take much, and are not looked at. */
const short = 64 * 1024;

/** How many different keys are told apart; a power of two. */
const keySlots = 1 << 20;

const quote = 0x22;
const backslash = 0x5c;

/**
 * Why a body is not parsed, where it would take far more memory than its size: a text of `{},{},{}` takes thirty times its
 * size. Undefined for what may be parsed. It need not be JSON; parsing tells.
 */
export function refusalOfJson(body: Uint8Array): string | undefined {
  if (body.length <= short) return undefined;
  const keys = new KeySet();
  let values = 0;
  let containers = 0;
  let strings = 0;
  let depth = 0;
  // Of the string that was read last.
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
        keys.add(body, begin, end);
        if (end > begin + 1) strings--;
        break;
      case 0x2c: // ,
        values++;
        break;
      case 0x5b: // [
      case 0x7b: // {
        containers++;
        if (++depth > deepest) return `The body is nested deeper than ${deepest} levels.`;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth--;
        break;
    }
  }
  const bytes =
    values * costs.value + containers * costs.container + strings * costs.string + keys.size * costs.distinctKey;
  return bytes <= mostBytes ? undefined : 'The body has too many values for its size. Send fewer at a time.';
}

/** Where a string ends that begins at `start`. */
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

/** Counts about how many different keys there are. */
class KeySet {
  size = 0;
  private readonly seen = new Uint8Array(keySlots / 8);
  /** Nobody can choose keys that are told apart by nothing else. */
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
