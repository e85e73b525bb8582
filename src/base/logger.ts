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
    // A call must not fail, and its client not go without an answer, because a line cannot be written.
    const failed = (error: unknown): void =>
      lastResort('error', 'The log could not be written', { lost: message, error });
    try {
      // A sink may be asynchronous all the same, and its rejection must not end the process either.
      const sink: (...line: Parameters<LogSink>) => unknown = this.sink;
      const written = sink(level, message, { ...this.fields, ...fields });
      if (written instanceof Promise) written.catch(failed);
    } catch (error) {
      failed(error);
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

/**
 * Errors print as {@link described}; what JSON cannot hold prints as text; a circle is cut where it closes. The replacer
 * is called with the object that holds the value, which tells where in the tree it is.
 */
function printable(): (this: object, key: string, value: unknown) => unknown {
  /** From the outermost object to the one whose fields are printed, each with what is printed in its place. */
  const path: { readonly value: unknown; readonly printed: unknown }[] = [];
  return function (key, value) {
    while (path.length > 0 && path.at(-1)?.printed !== this) path.pop();
    if (typeof value === 'bigint') return value.toString();
    // Before any toJSON, since that of a HTTP client's error shows the request with its headers.
    const original: unknown = Reflect.get(this, key);
    const printed = original instanceof Error ? described(original) : value;
    if (typeof printed !== 'object' || printed === null) return printed;
    if (path.some((above) => above.value === original)) return '[seen above]';
    path.push({ value: original, printed });
    return printed;
  };
}

/** What is known to be fit for a log. Other properties of an error may hold anything: a request with its access token. */
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
