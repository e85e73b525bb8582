import type { Clock } from './clock.js';
import type { LogFields, Logger, LogLevel } from './logger.js';

/** How many lines of one kind are written in each interval. */
const mostLines = 10;

/** In milliseconds. */
const interval = 60_000;

/** How many kinds are told apart. */
const mostKinds = 1_000;

/** The lines of one kind in an interval. */
interface Lines {
  readonly since: number;
  written: number;
  leftOut: number;
}

/**
 * A log for lines that a stranger can cause: at most 10 of each kind in a minute. The first line after a minute says how many
 * were left out.
 */
export class RareLog {
  private readonly kinds = new Map<string, Lines>();

  constructor(
    private readonly logger: Logger,
    private readonly clock: Clock,
  ) {}

  /** @param kind - must not contain text from outside. Default: the message. */
  write(level: LogLevel, message: string, fields: LogFields, kind = message): void {
    const lines = this.linesOf(kind);
    if (lines.written === mostLines) {
      lines.leftOut++;
      return;
    }
    const { leftOut } = lines;
    lines.written++;
    lines.leftOut = 0;
    this.logger[level](message, leftOut === 0 ? fields : { ...fields, leftOut });
  }

  private linesOf(kind: string): Lines {
    const now = this.clock.now();
    const found = this.kinds.get(kind);
    if (found !== undefined && now - found.since < interval) return found;
    const lines = { since: now, written: 0, leftOut: found?.leftOut ?? 0 };
    if (found === undefined && this.kinds.size === mostKinds) this.kinds.clear();
    this.kinds.set(kind, lines);
    return lines;
  }
}
