/**
 * Every code that an {@link ErrandError} can carry, with what it means. What is `retryable` may go better at the next
 * attempt; the rest stays as it is. A retired code is never given a new meaning.
 */
export const errorTable = {
  // Injection: what createServer() refuses
  TOKEN_NOT_REGISTERED: { meaning: 'A parameter asks for a token that no provider gives.' },
  TOKEN_ONLY_GLOBAL: {
    meaning: "A token is registered only in tsyringe's global container, which Errand does not read.",
  },
  TOKEN_NOT_IN_MODE: { meaning: 'A token that exists in one mode is injected into a component that runs in both.' },
  DEPENDENCY_CYCLE: { meaning: 'Providers need each other in a circle.' },
  CAPTIVE_DEPENDENCY: { meaning: 'Something that lives long would hold something that lives shorter.' },
  PARAMETER_UNBOUND: { meaning: 'A parameter has no token, no schema and no usable type.' },
  PARAMETER_CONFLICT: { meaning: 'The decorators of a method contradict each other.' },
  CLASS_NOT_INJECTABLE: { meaning: 'A class has constructor parameters but no metadata that says what they are.' },
  DECORATOR_MODE: { meaning: 'A decorator ran in standard mode; Errand needs experimentalDecorators.' },
  PROVIDER_INVALID: { meaning: 'An entry of providers is malformed.' },
  OVERRIDE_UNKNOWN: { meaning: 'with({ override }) names a token that the server does not provide.' },
  // Injection: what goes wrong when instances are made
  PROVIDER_UNDEFINED: { meaning: 'A provider gave undefined, which is never injected.' },
  CONTAINER_DISPOSED: { meaning: 'A lazy instance was asked for after its call or server had ended.' },
  // Components
  COMPONENT_INVALID: { meaning: 'A component cannot be served as it is declared.' },
  COMPONENT_DUPLICATE: { meaning: 'Two components have the same name.' },
  SCHEMA_UNSUPPORTED: { meaning: 'A schema cannot be expressed as the JSON schema that MCP needs.' },
  OPTIONS_INVALID: { meaning: 'An option or environment variable is not what its schema allows.' },
  // A call
  INPUT_INVALID: { meaning: 'The arguments do not fit the input schema.' },
  OUTPUT_INVALID: { meaning: 'A component returned something that does not fit its output schema.' },
  RESULT_NOT_JSON: { meaning: 'A value that has to travel cannot be written as JSON.' },
  CALL_TIMED_OUT: { meaning: 'A call ran longer than its timeout.', retryable: true },
  CALL_CANCELLED: { meaning: 'A call was cancelled by its client.' },
  CALL_ENDED: { meaning: 'The Context of a call was used after the call had ended.' },
  DISPOSAL_FAILED: { meaning: 'A call was made, but what it used could not be disposed.' },
  CALL_HANDED_BACK: { meaning: 'A call was handed back because its worker is stopping.' },
  STRAY_ERROR: {
    meaning: 'A background call left a rejection unhandled, or threw where nobody could catch it.',
    retryable: true,
  },
  CALL_SUSPENDED: { meaning: 'A call makes way for a question of its client, and begins anew with the answer.' },
  NO_ACCESS_TOKEN: { meaning: 'A call needs an access token and its client sent none.' },
  // Questions
  NO_CLIENT: { meaning: 'A job asked a question, but a job has no client.' },
  CLIENT_UNREACHABLE: { meaning: 'A call in the foreground asked its client over a listener that keeps no sessions.' },
  CLIENT_CANNOT_ELICIT: { meaning: 'The client did not declare that it can elicit.' },
  CLIENT_CANNOT_SAMPLE: { meaning: 'The client did not declare that it can sample its model in that way.' },
  CLIENT_HAS_NO_ROOTS: { meaning: 'The client did not declare that it has roots.' },
  ELICITATION_SCHEMA: { meaning: 'The schema of a question is not flat.' },
  ELICITATION_URL: { meaning: 'The URL of a question is not one to send a user to.' },
  QUESTION_DUPLICATE: { meaning: 'Two identical questions without keys are open at the same time.' },
  ANSWER_INVALID: { meaning: 'The answer to a question is not of the shape that was asked for.' },
  ANSWER_FAILED: {
    meaning: 'The client answered a question with an error, or not at all.',
  },
  QUESTION_DECLINED: { meaning: 'The user declined or cancelled a question that the call needs.' },
  // The docket
  DOCKET_UNAVAILABLE: { meaning: 'The docket is closed, or its engine cannot be reached.', retryable: true },
  DOCKET_URL: { meaning: 'The docket URL names an engine that is not available.' },
  DOCKET_TLS: { meaning: 'The docket and its Redis do not trust each other: a certificate is wrong or missing.' },
  DOCKET_PEER: { meaning: 'The docket is on Redis, but ioredis or bullmq is not installed.' },
  SEAL_INVALID: {
    meaning: 'A stored value cannot be opened: its key is not in docket.encryptionKeys, or it was changed.',
  },
  EXECUTION_UNKNOWN: { meaning: 'No execution has that key (any more).' },
  EXECUTION_REPLACED: { meaning: 'A later execution has the key now.' },
  EXECUTION_CANCELLED: { meaning: 'The result of a cancelled execution was asked for.', retryable: true },
  EXECUTION_LOST: {
    meaning: 'An execution was interrupted without an outcome too often: it may crash its worker.',
    retryable: true,
  },
  EXECUTION_FAILED: { meaning: 'The result of a failed execution was asked for.', retryable: true },
  RETRY_REFUSED: { meaning: 'Only work of the program that has failed can be run again.' },
  TASK_LIMIT: { meaning: 'A client has as many open tasks as the server allows.', retryable: true },
  INPUT_TOO_LARGE: { meaning: 'An input for the docket is larger than the server allows.' },
  RESULT_TOO_LARGE: { meaning: 'What a background call left behind is larger than the server allows.' },
  QUESTION_LIMIT: { meaning: 'A task asked as many questions as the server allows.' },
  KEY_TAKEN: {
    meaning: 'docket.add or docket.replace was given the key of a live execution of something or somebody else.',
  },
  CURSOR_INVALID: { meaning: 'A list was continued with a cursor that the engine did not give.' },
  COMPONENT_UNKNOWN: { meaning: 'The docket was asked for a component that the server does not have.' },
  WAIT_TIMED_OUT: { meaning: 'Something waited for did not happen in time.', retryable: true },
  // Serving and connecting
  SERVER_CLOSED: { meaning: 'The server is closed.' },
  LISTEN_REFUSED: { meaning: 'The server may not listen as asked.' },
  SERVER_FILE: { meaning: 'A server file cannot be loaded or does not export a server.' },
  CONNECT_TARGET: { meaning: 'The client was given something that it cannot connect to.' },
  CONNECT_FAILED: { meaning: 'The client finds no server at an address, or cannot start the command of one.' },
} as const satisfies Record<string, { readonly meaning: string; readonly retryable?: true }>;

/** A stable code of {@link ErrandError}. The README lists them all. */
export type ErrandErrorCode = keyof typeof errorTable;

const brand = Symbol.for('errand.error');

/**
 * The one error class of Errand. `code` is stable, `message` says what was got and the way out, `cause` keeps the
 * original error where there is one.
 *
 * @example
 * ```ts
 * import { ErrandError } from 'errand';
 *
 * const explain = (error: unknown): string => (ErrandError.is(error, 'TOKEN_NOT_REGISTERED') ? error.message : 'other');
 * ```
 */
export class ErrandError extends Error {
  /** Always `'ErrandError'`. */
  override readonly name = 'ErrandError';
  /** Whether the message is meant for the client and its user. */
  declare readonly exposed: boolean;
  /** Numbers of the message, for programs; undefined where it has none. */
  declare readonly data: Readonly<Record<string, number>> | undefined;

  constructor(
    /** What went wrong, for programs. */
    readonly code: ErrandErrorCode,
    message: string,
    options: {
      /** The original error. */
      readonly cause?: unknown;
      /** Whether the message is meant for the client and its user; else they see a reference id. Default false. */
      readonly exposed?: boolean;
      /** Numbers of the message, for programs. */
      readonly data?: Readonly<Record<string, number>>;
    } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : {});
    Object.defineProperties(this, {
      [brand]: { value: true },
      exposed: { value: options.exposed ?? false },
      data: { value: options.data },
    });
  }

  /** Whether another attempt may go better. */
  get retryable(): boolean {
    return 'retryable' in errorTable[this.code];
  }

  /** Whether `value` is an ErrandError (with that code, when one is given), even one of another copy of the package. */
  static is(value: unknown, code?: ErrandErrorCode): value is ErrandError {
    if (typeof value !== 'object' || value === null || !(brand in value)) return false;
    return code === undefined || (value as unknown as ErrandError).code === code;
  }
}

/** The message of anything that was thrown. Never throws, whatever that is. */
export function messageOf(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown);
  } catch {
    return 'something that cannot be written as text';
  }
}

/**
 * A URL as a message may show it: without user, password and query, also where it is no URL at all. Where one cannot tell
 * what is what, nothing but the scheme is left.
 */
export function withoutPassword(url: string): string {
  const [scheme = ''] = /^[a-z][a-z0-9+.-]*:(\/\/)?/i.exec(url) ?? [];
  const rest = url.slice(scheme.length);
  const at = rest.lastIndexOf('@');
  const query = rest.search(/[?#]/);
  const ambiguous = query >= 0 && at > query;
  // Where the host was forgotten, the password stands in the place of the port.
  const strangePort = at < 0 && /^[^/?#[]*:[^/,?#]*[^\d/,?#]/.test(rest);
  if (ambiguous || strangePort) return `${scheme}…`;
  const shown = query < 0 ? rest : `${rest.slice(0, query)}?…`;
  return `${scheme}${at < 0 ? shown : `…${shown.slice(at)}`}`;
}
