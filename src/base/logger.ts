/** Facts that go with a line of the log. */
export type LogFields = Record<string, unknown>;

/** The levels of a {@link Logger}, from the least to the most urgent. */
export type LogLevel = 'debug' | 'info' | 'warning' | 'error';

/** Takes one finished line of the log. */
export type LogSink = (level: LogLevel, message: string, fields: LogFields) => void;

/**
 * A structured log, and an injectable token: in a call its lines carry the ids of the call. It never writes to stdout,
 * which belongs to the protocol under stdio.
 */
export class Logger {
  constructor(
    private readonly sink: LogSink = stderrSink('info'),
    private readonly fields: LogFields = {},
  ) {}

  /** For those who look for a fault in the server. */
  debug(message: string, fields?: LogFields): void {
    this.write('debug', message, fields);
  }

  /** Something worth knowing happened. */
  info(message: string, fields?: LogFields): void {
    this.write('info', message, fields);
  }

  /** Something is wrong, but the server copes. */
  warning(message: string, fields?: LogFields): void {
    this.write('warning', message, fields);
  }

  /** Something failed. */
  error(message: string, fields?: LogFields): void {
    this.write('error', message, fields);
  }

  /** A logger whose lines carry `fields` as well. */
  child(fields: LogFields): Logger {
    return new Logger(this.sink, { ...this.fields, ...fields });
  }

  private write(level: LogLevel, message: string, fields?: LogFields): void {
    try {
      this.sink(level, message, { ...this.fields, ...fields });
    } catch (error) {
      // A call must not fail, and its client not go without an answer, because a line cannot be written.
      lastResort('error', 'The log could not be written', { lost: message, error });
    }
  }
}

const urgency: Record<LogLevel, number> = { debug: 0, info: 1, warning: 2, error: 3 };

/** One line of JSON on stderr for each message of at least the given level. */
export function stderrSink(least: LogLevel): LogSink {
  return (level, message, fields) => {
    if (urgency[level] < urgency[least]) return;
    const line = { time: new Date().toISOString(), level, message };
    process.stderr.write(`${toText({ ...line, ...fields, ...line }) ?? JSON.stringify(line)}\n`);
  };
}

const lastResort = stderrSink('debug');

/** Undefined where a getter or a toJSON of what is logged throws. */
function toText(line: object): string | undefined {
  try {
    return JSON.stringify(line, printable());
  } catch {
    return undefined;
  }
}

/** Errors print their name, message, code and stack; what JSON cannot hold prints as text; what was printed before, as in a circle, is cut. */
function printable(): (key: string, value: unknown) => unknown {
  const seen = new WeakSet();
  return (_key, value) => {
    if (typeof value === 'bigint') return value.toString();
    if (typeof value !== 'object' || value === null) return value;
    if (seen.has(value)) return '[seen above]';
    seen.add(value);
    if (!(value instanceof Error)) return value;
    const { name, message, stack, cause } = value;
    const errors = value instanceof AggregateError ? (value.errors as unknown[]) : undefined;
    return { ...(value as object), name, message, stack, cause, errors };
  };
}
