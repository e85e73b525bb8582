/**
 * Every code that an {@link ErrandError} can carry, with its meaning. After a `retryable` one, the next attempt may
 * succeed; any other would recur. A retired code is never given a new meaning.
 */
export const errorTable = {
  // Injection: refused by createServer()
  TOKEN_NOT_REGISTERED: { meaning: 'A parameter asks for a token that no provider supplies.' },
  TOKEN_ONLY_GLOBAL: {
    meaning: "A token is registered only in tsyringe's global container, which Errand does not read.",
  },
  TOKEN_NOT_IN_MODE: {
    meaning: 'A token that exists in only one mode is injected into a component that runs in both.',
  },
  DEPENDENCY_CYCLE: { meaning: 'Providers depend on each other in a cycle.' },
  CAPTIVE_DEPENDENCY: { meaning: 'A long-lived instance would hold a shorter-lived one.' },
  PARAMETER_UNBOUND: { meaning: 'A parameter has no token, no schema and no usable type.' },
  PARAMETER_CONFLICT: { meaning: 'The decorators of a method contradict each other.' },
  CLASS_NOT_INJECTABLE: { meaning: 'A class has constructor parameters but no metadata that describes them.' },
  DECORATOR_MODE: { meaning: 'A decorator ran in standard mode; Errand needs experimentalDecorators.' },
  PROVIDER_INVALID: { meaning: 'An entry of providers is malformed.' },
  PACKAGE_COPIES: { meaning: 'A server is put together from two copies of the package.' },
  OVERRIDE_UNKNOWN: { meaning: 'with({ override }) names a token that the server does not provide.' },
  // Injection: failures while instances are built or used
  PROVIDER_UNDEFINED: { meaning: 'A provider supplied undefined, which is never injected.' },
  PROVIDER_FAILED: {
    meaning: 'A provider threw while an instance was built; the cause has its error.',
    retryable: true,
  },
  CONTAINER_DISPOSED: { meaning: 'A lazy instance was requested after its call or server had ended.' },
  // Components
  COMPONENT_INVALID: { meaning: 'A component cannot be served as declared.' },
  COMPONENT_DUPLICATE: { meaning: 'Two components have the same name or URI.' },
  SCHEMA_UNSUPPORTED: { meaning: 'A schema cannot be expressed as the JSON schema that MCP needs.' },
  OPTIONS_INVALID: { meaning: 'An option or environment variable has a value that its schema does not allow.' },
  // A call
  INPUT_INVALID: { meaning: 'The arguments do not match the input schema.' },
  OUTPUT_INVALID: { meaning: 'A component returned something that does not match its output schema.' },
  RESULT_NOT_JSON: { meaning: 'A value that has to be stored or sent cannot be written as JSON.' },
  CALL_TIMED_OUT: { meaning: 'A call ran longer than its timeout.', retryable: true },
  CALL_CANCELLED: { meaning: 'The client cancelled the call.' },
  CALL_ENDED: { meaning: 'The Context of a call was used after the call ended.' },
  DISPOSAL_FAILED: { meaning: 'A call returned, but something it used could not be disposed.' },
  CALL_HANDED_BACK: { meaning: 'A worker released a call because it is shutting down.' },
  STRAY_ERROR: {
    meaning: 'A background call left a rejection unhandled, or threw where nobody could catch it.',
    retryable: true,
  },
  CALL_SUSPENDED: { meaning: 'A call makes way for a question to its client and starts over with the answer.' },
  NO_ACCESS_TOKEN: { meaning: 'A call needs an access token, but its client sent none.' },
  // Questions
  NO_CLIENT: { meaning: 'A job asked a question, but a job has no client.' },
  CLIENT_UNREACHABLE: { meaning: 'A foreground call asked its client over a listener that keeps no sessions.' },
  CLIENT_CANNOT_ELICIT: { meaning: 'The client did not declare support for elicitation.' },
  CLIENT_CANNOT_SAMPLE: { meaning: 'The client did not declare support for this kind of sampling.' },
  CLIENT_HAS_NO_ROOTS: { meaning: 'The client did not declare support for roots.' },
  ELICITATION_SCHEMA: { meaning: 'The schema of a question is not flat.' },
  ELICITATION_URL: { meaning: 'The URL of a question is not safe to send a user to.' },
  QUESTION_DUPLICATE: { meaning: 'Two identical questions without keys are open at the same time.' },
  ANSWER_INVALID: { meaning: 'The answer to a question does not have the requested shape.' },
  ANSWER_FAILED: { meaning: 'The client answered a question with an error, or not at all.' },
  QUESTION_UNKNOWN: { meaning: 'An answer was given to a question that the execution has not asked.' },
  QUESTION_DECLINED: { meaning: 'The user declined or cancelled a question that the call needs.' },
  // The docket
  DOCKET_UNAVAILABLE: { meaning: 'The docket is closed, or its engine cannot be reached.', retryable: true },
  DOCKET_DAMAGED: {
    meaning: 'A value of the docket in Redis is damaged, or was written by a version that must not share the docket.',
  },
  DOCKET_URL: { meaning: 'The docket URL names an engine that is not available.' },
  DOCKET_TLS: { meaning: 'The docket and its Redis do not trust each other: a certificate is wrong or missing.' },
  DOCKET_PEER: { meaning: 'The docket runs on Redis, but ioredis or bullmq is not installed.' },
  SEAL_INVALID: {
    meaning: 'A stored value cannot be opened: its key is not in docket.encryptionKeys, or it was altered.',
  },
  EXECUTION_UNKNOWN: { meaning: 'No execution has that key, or its record has expired.' },
  EXECUTION_REPLACED: { meaning: 'A later execution now has the key.' },
  EXECUTION_CANCELLED: { meaning: 'The result of a cancelled execution was asked for.', retryable: true },
  EXECUTION_LOST: {
    meaning: 'An execution was interrupted without an outcome too often: it may crash its worker.',
    retryable: true,
  },
  EXECUTION_FAILED: { meaning: 'The result of a failed execution was asked for.', retryable: true },
  RETRY_REFUSED: { meaning: 'Only a failed execution that the program added itself can be retried.' },
  TASK_LIMIT: { meaning: 'A client has as many open tasks as the server allows.', retryable: true },
  INPUT_TOO_LARGE: { meaning: 'An input for the docket is larger than the server allows.' },
  RESULT_TOO_LARGE: { meaning: 'The outcome of a background call is larger than the server allows.' },
  QUESTION_LIMIT: { meaning: 'A task has asked, or a client has open, as many questions as the server allows.' },
  KEY_TAKEN: {
    meaning: 'docket.add or docket.replace was given the key of a live execution of another component or principal.',
  },
  CURSOR_INVALID: { meaning: 'A list was continued with a cursor that the engine did not issue.' },
  COMPONENT_UNKNOWN: { meaning: 'The docket was asked for a component that the server does not have.' },
  WAIT_TIMED_OUT: { meaning: 'Something waited for did not happen in time.', retryable: true },
  // Serving and connecting
  HOOK_FAILED: { meaning: 'onStart or onClose of createServer threw; the cause has its error.' },
  SERVER_CLOSED: { meaning: 'The server is closed.' },
  LISTEN_REFUSED: { meaning: 'The server cannot listen as requested.' },
  SERVER_FILE: { meaning: 'A server file cannot be loaded or does not export a server.' },
  CONNECT_TARGET: { meaning: 'The client was given a target that it cannot connect to.' },
  CONNECT_FAILED: { meaning: 'The client finds no server at an address, or cannot start or reach it in time.' },
  CLIENT_CLOSED: { meaning: 'The client is closed.' },
  CONNECTION_LOST: {
    meaning: 'The connection of a client ended, or its server cannot be reached at the moment.',
    retryable: true,
  },
  SESSION_LOST: { meaning: 'The server no longer has the session of a client, which cannot begin another.' },
  REQUEST_FAILED: { meaning: 'The server answered a request of the client with an error.' },
  RESPONSE_INVALID: { meaning: 'The answer of a server to a client does not follow the protocol.' },
} as const satisfies Record<string, { readonly meaning: string; readonly retryable?: true }>;

/** The stable code of an {@link ErrandError}. The README lists them all. */
export type ErrandErrorCode = keyof typeof errorTable;

const brand = Symbol.for('errand.error');

/**
 * Errand's only error class. `code` is stable, `message` says what was wrong and what to do about it, and `cause` keeps
 * the original error if there is one.
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
  /** Whether the client and its user may see the message. */
  declare readonly exposed: boolean;
  /** The numbers in the message, for programs; undefined if it has none. */
  declare readonly data: Readonly<Record<string, number>> | undefined;

  constructor(
    /** The kind of error, for programs. */
    readonly code: ErrandErrorCode,
    message: string,
    options: {
      /** The original error. */
      readonly cause?: unknown;
      /** Whether the client and its user may see the message; otherwise they see a reference id. Default: false. */
      readonly exposed?: boolean;
      /** The numbers in the message, for programs. */
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

  /** Whether another attempt may succeed. */
  get retryable(): boolean {
    return 'retryable' in errorTable[this.code];
  }

  /** Whether `value` is an ErrandError (with `code`, if given), even one from another copy of the package. */
  static is(value: unknown, code?: ErrandErrorCode): value is ErrandError {
    if (typeof value !== 'object' || value === null || !(brand in value)) return false;
    return code === undefined || (value as unknown as ErrandError).code === code;
  }
}

/** The message of anything that was thrown. Never throws itself. */
export function messageOf(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message : thrown);
  } catch {
    return 'something that cannot be written as text';
  }
}

/**
 * A URL that is safe to show: without user, password and query, even when it is malformed. When its parts cannot be
 * told apart, only the scheme is left.
 */
export function withoutPassword(url: string): string {
  const [scheme = ''] = /^[a-z][a-z0-9+.-]*:(\/\/)?/i.exec(url) ?? [];
  const rest = url.slice(scheme.length);
  const at = rest.lastIndexOf('@');
  const query = rest.search(/[?#]/);
  const ambiguous = query >= 0 && at > query;
  // Without a host, the password is where the port would be.
  const strangePort = at < 0 && /^[^/?#[]*:[^/,?#]*[^\d/,?#]/.test(rest);
  if (ambiguous || strangePort) return `${scheme}…`;
  const shown = query < 0 ? rest : `${rest.slice(0, query)}?…`;
  return `${scheme}${at < 0 ? shown : `…${shown.slice(at)}`}`;
}
