import { markCopy } from './package-copy.js';

/** Structured fields of a log line. */
export type LogFields = Record<string, unknown>;

/** The levels of a {@link Logger}, from least to most severe. */
export type LogLevel = 'debug' | 'info' | 'warning' | 'error';

/** Receives each finished log line. */
export type LogSink = (level: LogLevel, message: string, fields: LogFields) => void;

/**
 * A structured logger, and an injectable token: within a call, its lines carry the ids of the call. It never writes to
 * stdout, which belongs to the protocol under stdio.
 */
export class Logger {
  static {
    markCopy(this);
  }

  constructor(
    private readonly sink: LogSink = stderrSink('info'),
    private readonly fields: LogFields = {},
  ) {}

  /** Details for debugging the server. */
  debug(message: string, fields?: LogFields): void {
    this.write('debug', message, fields);
  }

  /** Something noteworthy happened. */
  info(message: string, fields?: LogFields): void {
    this.write('info', message, fields);
  }

  /** Something is wrong, but the server can cope. */
  warning(message: string, fields?: LogFields): void {
    this.write('warning', message, fields);
  }

  /** Something failed. */
  error(message: string, fields?: LogFields): void {
    this.write('error', message, fields);
  }

  /** Returns a logger that adds `fields` to every line. */
  child(fields: LogFields): Logger {
    return new Logger(this.sink, { ...this.fields, ...fields });
  }

  private write(level: LogLevel, message: string, fields?: LogFields): void {
    // A line that cannot be written must not fail a call or cost its client the answer.
    const failed = (error: unknown): void =>
      lastResort('error', 'The log could not be written', { lost: message, error });
    try {
      // A sink may return a promise despite its type, and a rejection must not end the process either.
      const sink: (...line: Parameters<LogSink>) => unknown = this.sink;
      const written = sink(level, message, { ...this.fields, ...fields });
      if (written instanceof Promise) written.catch(failed);
    } catch (error) {
      failed(error);
    }
  }
}

const severity: Record<LogLevel, number> = { debug: 0, info: 1, warning: 2, error: 3 };

/** Writes one line of JSON to stderr for each message at or above `minimum`. */
export function stderrSink(minimum: LogLevel): LogSink {
  return (level, message, fields) => {
    if (severity[level] < severity[minimum]) return;
    const line = { time: new Date().toISOString(), level, message };
    process.stderr.write(`${toText({ ...line, ...fields, ...line }) ?? JSON.stringify(line)}\n`);
  };
}

const lastResort = stderrSink('debug');

/** Undefined when a getter or toJSON of a logged value throws. */
function toText(line: object): string | undefined {
  try {
    return JSON.stringify(line, printable());
  } catch {
    return undefined;
  }
}

/**
 * Prints errors as {@link described}, bigints as text, and cuts circular references. JSON calls the replacer on the
 * object that holds the value, which shows the position in the tree.
 */
function printable(): (this: object, key: string, value: unknown) => unknown {
  /** The objects from the outermost to the current one, each with what is printed in its place. */
  const path: { readonly value: unknown; readonly printed: unknown }[] = [];
  return function (key, value) {
    while (path.length > 0 && path.at(-1)?.printed !== this) path.pop();
    if (typeof value === 'bigint') return value.toString();
    // The value before its toJSON ran: an HTTP client's error would print the request with its headers.
    const original: unknown = Reflect.get(this, key);
    const printed = original instanceof Error ? described(original) : value;
    if (typeof printed !== 'object' || printed === null) return printed;
    if (path.some((above) => above.value === original)) return '[seen above]';
    path.push({ value: original, printed });
    return printed;
  };
}

/** The properties of an error that are safe to log. Others may hold anything, such as a request with its token. */
function described(error: Error): object {
  const { name, message, stack, cause } = error;
  const { code, disposalError } = error as { code?: unknown; disposalError?: unknown };
  return {
    name,
    message,
    code: typeof code === 'string' || typeof code === 'number' ? code : undefined,
    stack,
    cause,
    errors: error instanceof AggregateError ? (error.errors as unknown[]) : undefined,
    disposalError,
  };
}
