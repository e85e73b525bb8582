import type { RequestId } from '../protocol/json-rpc/messages.js';
import { isShortId, longestId } from '../protocol/json-rpc/shapes.js';

/** The longest key or id that is kept, in bytes: JSON takes up to six for a character. */
const longestKept = 6 * longestId + 2;

const quote = 0x22;
const comma = 0x2c;
const colon = 0x3a;
const backslash = 0x5c;

/**
 * Finds the id of a JSON-RPC message that is too large or too deep to be parsed. It sees the text pass by, however that is
 * cut, and keeps only the keys of the outermost object and its id.
 */
export class EnvelopeScanner {
  /** The id of the message, if it has a valid one that is not too long. */
  id: RequestId | undefined;
  /** Whether it has a method: a request or a notification. */
  hasMethod = false;
  /** Whether it has a result or an error, as answers have. */
  hasOutcome = false;
  private depth = 0;
  private isInString = false;
  /** Whether the next byte of the string is escaped. */
  private isEscaped = false;
  private key: string | undefined;
  private isValue = false;
  /** The bytes of the key or the id that is being read. */
  private kept: number[] | undefined;

  /** Reads the next part of the text. */
  read(part: Uint8Array): void {
    for (let index = 0; index < part.length; index++) {
      if (this.isInString) {
        index = this.readString(part, index);
        continue;
      }
      const byte = part[index] ?? 0;
      switch (byte) {
        case quote:
          this.isInString = true;
          if (this.depth === 1 && (!this.isValue || this.key === 'id')) this.kept = [quote];
          break;
        case 0x5b: // [
        case 0x7b: // {
          if (this.depth++ === 1) this.kept = undefined;
          // An array holds no message with an id of its own.
          if (this.depth === 1 && byte === 0x5b) this.depth++;
          break;
        case 0x5d: // ]
        case 0x7d: // }
          if (this.depth === 1) this.endValue();
          this.depth--;
          break;
        case colon:
          if (this.depth === 1) this.beginValue();
          break;
        case comma:
          if (this.depth === 1) this.endValue();
          break;
        default:
          if (this.depth === 1) this.keep(byte);
      }
    }
  }

  /** Reads a string from `start` on. Returns the index of its last byte in this part. */
  private readString(part: Uint8Array, start: number): number {
    let index = start;
    for (; index < part.length; index++) {
      const byte = part[index] ?? 0;
      this.keep(byte);
      if (this.isEscaped) {
        this.isEscaped = false;
      } else if (byte === backslash) {
        this.isEscaped = true;
      } else if (byte === quote) {
        this.endString();
        return index;
      }
    }
    return index;
  }

  private endString(): void {
    this.isInString = false;
    if (this.depth === 1 && !this.isValue) {
      const key = this.takeKept();
      this.key = typeof key === 'string' ? key : undefined;
    }
  }

  private beginValue(): void {
    this.isValue = true;
    this.kept = this.key === 'id' ? [] : undefined;
    if (this.key === 'method') this.hasMethod = true;
    if (this.key === 'result' || this.key === 'error') this.hasOutcome = true;
  }

  private endValue(): void {
    if (this.isValue && this.key === 'id') {
      const id = this.takeKept();
      this.id = isShortId(id) ? id : undefined;
    }
    this.isValue = false;
    this.key = undefined;
    this.kept = undefined;
  }

  private keep(byte: number): void {
    if (this.kept !== undefined && this.kept.push(byte) > longestKept) this.kept = undefined;
  }

  private takeKept(): unknown {
    const { kept } = this;
    this.kept = undefined;
    try {
      return kept && JSON.parse(Buffer.from(kept).toString('utf8'));
    } catch {
      return undefined;
    }
  }
}
