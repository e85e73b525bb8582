import { z } from 'zod';
import { toMilliseconds, type Duration } from '../base/duration.js';
import { Logger } from '../base/logger.js';
import { Meters } from '../telemetry/meters.js';
import { Tracing } from '../telemetry/tracing.js';
import { systemClock, type Clock } from '../base/clock.js';
import type { ErrorDisclosure } from '../call/outcome.js';
import type { ComponentEntry } from '../components/component-entry.js';
import { readOptions } from '../base/read-options.js';
import { toTaskMode, type TaskMode, type TaskOption } from '../components/options.js';
import { isTsyringeContainer, type ExternalContainer, type TsyringeContainer } from '../injection/external.js';
import type { Provider } from '../injection/providers.js';
import type { CallSettings } from '../call/frame.js';
import { StrayErrors } from '../call/stray-errors.js';
import type { SnapshotRules } from '../call/snapshot.js';
import { docketOptions, nameOption, type Environment } from '../docket/docket-options.js';
import { usualInput } from '../docket/engine/size-limits.js';
import { httpShape, inconsistent, isConsistent, type ServerHttpOptions } from '../transports/http/http-options.js';
import type { CurrentServer } from './built-ins.js';
import type { RedisTls } from '../redis/connection/tls.js';
import { environmentHint, withEnvironment } from './environment.js';
import type { Icon } from '../protocol/types.js';

/** Options of the docket: where and how background calls run. */
export interface DocketOptions {
  /**
   * The engine. `memory://` (the default) needs nothing. `redis://user:password@host:6379/0`, `unix:///path/redis.sock?db=0`,
   * `redis+cluster://host:7000,host:7001` and `redis+sentinel://host:26379,host:26380/master/0` need ioredis and bullmq. With
   * `rediss` instead of `redis`, the connection is encrypted. Environment: `ERRAND_DOCKET_URL`.
   */
  readonly url?: string;
  /**
   * Options of an encrypted connection. Default: those of Node.js. Environment: `ERRAND_DOCKET_CA`, the path of a PEM file
   * whose content is used as `ca`.
   */
  readonly tls?: RedisTls;
  /** Name of the docket in a Redis. Processes with the same name share it. Default: the name of the server. Environment: `ERRAND_DOCKET_NAME`. */
  readonly name?: string;
  /** Whether this process also runs a worker. Default `true`. */
  readonly worker?: boolean;
  /**
   * Name of the workers of this process in logs and metrics, 1 to 200 characters. Default: host name and process id. A name
   * given to `startWorker()` or `errand worker` wins. Environment: `ERRAND_WORKER_NAME`.
   */
  readonly workerName?: string;
  /** How many calls the embedded worker runs at once, not counting calls that wait for an answer. Default 10. Environment: `ERRAND_WORKER_CONCURRENCY`. */
  readonly concurrency?: number;
  /**
   * Names of the HTTP headers passed on to the worker, except `authorization` and `cookie`, which never are. Default:
   * `traceparent`, `tracestate`, `accept-language`, `x-request-id`.
   */
  readonly headers?: readonly string[];
  /**
   * Keys of 32 bytes, each in base64 or hexadecimal (`openssl rand -base64 32`). With them the docket seals (AES-256-GCM) the
   * stored data of calls: input, snapshot, questions, answers, log lines, progress messages, cancel reasons and outcome. It
   * seals with the first key and opens with any of them, and passes the access token on to the worker as well.
   * Default: nothing is sealed. Environment: `ERRAND_DOCKET_ENCRYPTION_KEYS`, separated by commas.
   */
  readonly encryptionKeys?: readonly string[];
  /** How long the record of a finished execution is kept. Default `'1h'`. Environment: `ERRAND_DOCKET_TTL`. */
  readonly ttl?: Duration;
  /**
   * How long a worker on Redis keeps its executions without renewing its lease. A worker that is killed loses them to other
   * workers after two thirds to six fifths of this time. Default `'10s'`, at least `'1s'`. Environment: `ERRAND_DOCKET_LEASE`.
   */
  readonly lease?: Duration;
  /**
   * How long calls may block the event loop, as heavy computation does. Until then a thread renews the leases of the worker on
   * Redis, and nothing is run twice. After that the loop counts as stuck: its executions go to other workers, and a process of
   * `errand worker` is killed, so that the calls beside the stuck one need not wait for it. Default `'60s'`; with less than
   * `lease`, leases are hardly renewed while the loop is blocked.
   */
  readonly maxBlock?: Duration;
  /** Size limits of the docket. */
  readonly limits?: DocketLimitOptions;
}

/** Size limits of a docket. What exceeds one is refused with an error that names the limit. */
export interface DocketLimitOptions {
  /**
   * How many tasks of one principal may be open, that is, requested by a client and not ended. Without authorization, all
   * clients are one principal. Default 1,000. Environment: `ERRAND_DOCKET_LIMITS_OPEN_TASKS`.
   */
  readonly openTasks?: number;
  /**
   * The part of the slots of each worker that the tasks of one client over HTTP may hold: of one principal, or of the clients
   * without an access token at one address. The rest of its tasks wait. With less than 1 and more than one slot, one is always
   * left to others. Default 0.75.
   */
  readonly share?: number;
  /** The longest `ttl` that a client can request. A longer one is reduced to it. Default `'24h'`. Environment: `ERRAND_DOCKET_LIMITS_TTL`. */
  readonly ttl?: Duration;
  /**
   * The largest input of a background call, and the largest answer to one of its questions, in bytes of JSON. Default 1,048,576
   * (1 MiB). Environment: `ERRAND_DOCKET_LIMITS_INPUT`.
   */
  readonly input?: number;
  /**
   * The largest stored outcome of a background call, in bytes of JSON. A larger one fails the call. Default 10,485,760 (10 MiB).
   * Environment: `ERRAND_DOCKET_LIMITS_RESULT`.
   */
  readonly result?: number;
  /** How many questions one task may ask, including answered ones. Default 100. Environment: `ERRAND_DOCKET_LIMITS_QUESTIONS`. */
  readonly questions?: number;
}

/** How a server treats a client that does not read a stream as fast as the stream is written, over HTTP and stdio. */
export interface SlowReaderOptions {
  /**
   * How much one stream may hold that its client has not read, in bytes. From there on, progress and log lines wait for the
   * client, and so does a foreground call that awaits them. Results and questions are sent anyway. Default 1,048,576 (1 MiB).
   */
  readonly pending?: number;
  /**
   * How long progress and log lines wait. After that they are dropped, except for the latest progress, until the client reads
   * on. Default `'5s'`.
   */
  readonly wait?: Duration;
}

/** How a server is reached over stdio. */
export interface StdioOptions {
  /**
   * The largest message that a client may send, in bytes. A larger one is answered with the JSON-RPC error -32600, and
   * everything else goes on. Default 10,485,760 (10 MiB).
   */
  readonly maximumMessage?: number;
}

/** Options of {@link createServer}. */
export interface ServerOptions<Components extends readonly ComponentEntry[] = readonly ComponentEntry[]> {
  /** Name of the server, sent to clients. */
  readonly name: string;
  /** Version of the server, sent to clients. */
  readonly version: string;
  /** Name to show to people. */
  readonly title?: string;
  /** Web page about the server. */
  readonly websiteUrl?: string;
  /** Icons for clients that display servers. */
  readonly icons?: Icon[];
  /** Instructions that clients may pass to the model. */
  readonly instructions?: string;
  /** Classes with `@tool`, `@prompt`, `@resource` and `@job` methods, and definitions made by `defineTool` and `defineJob`. */
  readonly components: Components;
  /** Providers of the components' dependencies. */
  readonly providers?: readonly Provider[];
  /** An outer container, tsyringe's or that of another host, for tokens that `providers` lacks. */
  readonly container?: TsyringeContainer | ExternalContainer;
  /** Whether tools, prompts and resources may run as tasks by default. Default `'forbidden'`. */
  readonly tasks?: TaskOption;
  /** How long a call may run by default, not counting open questions. Default `'1h'`. */
  readonly timeout?: Duration;
  /** How long a question stays open by default. Default `'1h'`. */
  readonly questionDeadline?: Duration;
  /**
   * How long a question of a task may stay unanswered with one client before it is offered to the others that wait for the
   * task as well. The first prompt stays open, and the first answer counts. Default `'1m'`.
   */
  readonly questionPatience?: Duration;
  /** How long calls that were ended early may take to settle, also when the server closes. Default `'10s'`. Environment: `ERRAND_GRACE`. */
  readonly grace?: Duration;
  /** `'mask'` (the default) shows clients a reference id instead of an unexpected error. `'reveal'` shows the error as well. */
  readonly errors?: ErrorDisclosure;
  /** How the server treats clients that read slowly. */
  readonly slowReaders?: SlowReaderOptions;
  /** Options of HTTP: for `fetch`, and defaults for the options of `listen`. */
  readonly http?: ServerHttpOptions;
  /** Options of stdio. */
  readonly stdio?: StdioOptions;
  /** Options of the docket. */
  readonly docket?: DocketOptions;
  /**
   * Called once the singletons are built and the docket is open, before the first client is served and before a worker of this
   * process takes work: the place to set schedules. While it runs nothing is served; when it throws, the start fails with
   * `HOOK_FAILED` and the next one tries again. For work on an instance of your own, use a provider with `eager`.
   */
  readonly onStart?: (server: CurrentServer) => unknown;
  /**
   * Called when the server closes, after its calls have ended and before its singletons are disposed, if the server had
   * started. May take as long as `grace`.
   */
  readonly onClose?: (server: CurrentServer) => unknown;
  /** Receives log lines. Default: writes JSON lines to stderr, from `info` up. */
  readonly logger?: Logger;
}

/** Converts a duration to milliseconds. The error for an invalid one names the option. */
const duration = (option: string, fallback: Duration) =>
  z
    .custom<Duration>()
    .default(fallback)
    .transform((given) => toMilliseconds(given, `createServer: ${option}`));

const hook = z
  .custom<(server: CurrentServer) => unknown>((given) => typeof given === 'function', 'expected a function')
  .optional();

const count = (fallback: number) => z.number().int().min(1).default(fallback);

const isContainer = (value: unknown): boolean =>
  isTsyringeContainer(value) ||
  (isObject(value) && ['has', 'lifetime', 'resolve'].every((method) => typeof value[method] === 'function'));

/** The single definition of all options and their defaults. Durations come out in milliseconds. */
const Options = z.strictObject({
  name: nameOption,
  version: z.string().min(1),
  title: z.string().optional(),
  websiteUrl: z.string().optional(),
  icons: z.array(z.custom<Icon>()).optional(),
  instructions: z.string().optional(),
  components: z.array(z.custom<ComponentEntry>(), 'expected an array of component classes and definitions'),
  providers: z.array(z.custom<Provider>(), 'expected an array of providers').default([]),
  container: z
    .custom<ServerOptions['container']>(isContainer, 'expected a container of tsyringe or an ExternalContainer')
    .optional(),
  tasks: z.custom<TaskOption>().default(false),
  timeout: duration('timeout', '1h'),
  questionDeadline: duration('questionDeadline', '1h'),
  questionPatience: duration('questionPatience', '1m'),
  grace: duration('grace', '10s'),
  errors: z.enum(['mask', 'reveal']).default('mask'),
  http: z
    .strictObject({ ...httpShape, bodyBudget: count(64 * 2 ** 20), bodyTimeout: duration('http.bodyTimeout', '30s') })
    .refine(isConsistent, inconsistent)
    .prefault({}),
  slowReaders: z.strictObject({ pending: count(2 ** 20), wait: duration('slowReaders.wait', '5s') }).prefault({}),
  stdio: z.strictObject({ maximumMessage: count(10 * 2 ** 20) }).prefault({}),
  onStart: hook,
  onClose: hook,
  logger: z.custom<Logger>((given) => given instanceof Logger, 'expected a Logger').default(() => new Logger()),
  docket: z
    .strictObject({
      ...docketOptions,
      worker: z.boolean().default(true),
      workerName: z.string().trim().min(1).max(200).optional(),
      concurrency: count(10),
      headers: z
        .array(z.string())
        .default(['traceparent', 'tracestate', 'accept-language', 'x-request-id'])
        .transform((names): ReadonlySet<string> => new Set(names.map((name) => name.toLowerCase()))),
      ttl: duration('docket.ttl', '1h'),
      lease: duration('docket.lease', '10s').refine((given) => given >= 1_000, 'give at least 1 second'),
      maxBlock: duration('docket.maxBlock', '60s'),
      limits: z
        .strictObject({
          openTasks: count(1_000),
          share: z.number().gt(0).max(1).default(0.75),
          ttl: duration('docket.limits.ttl', '24h'),
          input: count(usualInput),
          result: count(10 * 2 ** 20),
          questions: count(100),
        })
        .prefault({}),
    })
    .prefault({}),
});

/** Validated options with all defaults applied. */
export type ResolvedOptions = Omit<z.output<typeof Options>, 'tasks'> & {
  readonly tasks: TaskMode;
  readonly clock: Clock;
  readonly meters: Meters;
  readonly tracing: Tracing;
  readonly strays: StrayErrors;
  /** Whether the process does nothing but work for the docket. */
  readonly onlyWorks: boolean;
  /** Path of a PEM file with certificates, from the environment. */
  readonly docketCa: string | undefined;
};

/** @throws {ErrandError} `OPTIONS_INVALID`, naming the option. */
export function resolveOptions(options: ServerOptions, environment: Environment): ResolvedOptions {
  const given = isObject(options) ? withEnvironment(options, environment) : options;
  const read = readOptions(Options, given, 'createServer', (error) => environmentHint(pathsOf(error), environment));
  const tasks = toTaskMode(read.tasks, 'createServer: tasks');
  return {
    ...read,
    tasks,
    clock: systemClock,
    meters: new Meters(),
    tracing: new Tracing(),
    strays: new StrayErrors(),
    onlyWorks: false,
    docketCa: environment['ERRAND_DOCKET_CA'],
  };
}

const pathsOf = ({ issues }: z.ZodError): string[] => issues.map(({ path }) => path.join('.'));

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** The options that concern calls. */
export function callSettings(options: ResolvedOptions): CallSettings {
  const { clock, logger, meters, tracing, errors, grace, questionDeadline } = options;
  return { clock, logger, meters, tracing, disclosure: errors, grace, questionDeadline };
}

/** The rules for the snapshot of the caller that a background call carries. */
export function snapshotRules({ docket: { headers, encryptionKeys } }: ResolvedOptions): SnapshotRules {
  return { headers, sealed: encryptionKeys !== undefined };
}
