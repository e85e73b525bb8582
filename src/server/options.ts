import { z } from 'zod';
import { toMilliseconds, type Duration } from '../base/duration.js';
import { ErrandError } from '../base/errors.js';
import { Logger } from '../base/logger.js';
import { Meters } from '../telemetry/meters.js';
import { Tracing } from '../telemetry/tracing.js';
import { systemClock, type Clock } from '../base/clock.js';
import type { ErrorDisclosure } from '../call/outcome.js';
import type { ComponentEntry } from '../components/catalog.js';
import { describeIssues } from '../base/issues.js';
import { toTaskMode, type TaskMode, type TaskOption } from '../components/options.js';
import { isTsyringeContainer, type ExternalContainer, type TsyringeContainer } from '../injection/external.js';
import type { Provider } from '../injection/providers.js';
import type { CallSettings } from '../call/frame.js';
import { StrayErrors } from '../call/stray-errors.js';
import type { SnapshotRules } from '../call/snapshot.js';
import {
  docketEnvironment,
  docketOptions,
  nameOption,
  withoutUndefined,
  type Environment,
} from '../docket/docket-options.js';
import { httpShape, inconsistent, isConsistent, type HttpOptions } from '../transports/http/http-options.js';
import type { RedisTls } from '../redis/connection/tls.js';
import type { Icon } from '../protocol/types.js';

/** Where and how background work runs. */
export interface DocketOptions {
  /**
   * The engine: `memory://` (the default) needs nothing. `redis://user:password@host:6379/0`, `unix:///path/redis.sock?db=0`,
   * `redis+cluster://host:7000,host:7001` and `redis+sentinel://host:26379,host:26380/master/0` need ioredis and bullmq;
   * with `rediss` in the place of `redis` the connection is encrypted. Environment: `ERRAND_DOCKET_URL`.
   */
  readonly url?: string;
  /** Whom an encrypted connection trusts. Default: whom Node.js trusts. Environment: `ERRAND_DOCKET_CA`, the path of a PEM file that takes the place of `ca`. */
  readonly tls?: RedisTls;
  /** Which docket of a Redis: processes with the same one share their work. Default: the name of the server. Environment: `ERRAND_DOCKET_NAME`. */
  readonly name?: string;
  /** Whether this process works the docket as well. Default `true`. */
  readonly worker?: boolean;
  /** How many calls the embedded worker makes at once; calls that wait for an answer do not count. Default 10. Environment: `ERRAND_WORKER_CONCURRENCY`. */
  readonly concurrency?: number;
  /** Names of HTTP headers that travel to the worker. `authorization` and `cookie` never do. Default: `traceparent`, `tracestate`, `accept-language`, `x-request-id`. */
  readonly headers?: readonly string[];
  /**
   * Keys of 32 bytes, each in base64 or as hexadecimal digits (`openssl rand -base64 32`), that seal with AES-256-GCM what the docket stores of
   * calls: input, snapshot, questions, answers, log lines, messages of progress, reasons of cancels and outcome. The first seals, all of them open. With keys the access token travels to
   * the worker as well. Default: nothing is sealed. Environment: `ERRAND_DOCKET_ENCRYPTION_KEYS`, separated by commas.
   */
  readonly encryptionKeys?: readonly string[];
  /** How long the record of a finished execution is kept. Default `'1h'`. */
  readonly ttl?: Duration;
  /**
   * How long a worker on Redis keeps its executions without a sign of life. One that is killed, or whose event loop is
   * blocked for longer, loses them to the others: after two thirds of the lease at the earliest, and a fifth more than the
   * lease at the latest. Default `'10s'`, at least `'1s'`.
   */
  readonly lease?: Duration;
  /** How much the docket takes. */
  readonly limits?: DocketLimitOptions;
}

/** How much a docket takes. What goes beyond a limit is refused with an error that says so. */
export interface DocketLimitOptions {
  /** How many tasks of one principal may be open: asked for by a client and not ended. Without authorization all clients are one principal. Default 1,000. */
  readonly openTasks?: number;
  /** The longest `ttl` that a client gets; a longer wish is cut. Default `'24h'`. */
  readonly ttl?: Duration;
  /** The largest input of a background call, and the largest answer to one of its questions, in bytes of JSON. Default 1,048,576 (1 MiB). */
  readonly input?: number;
  /** The largest outcome of a background call as it is stored, in bytes of JSON; a larger one fails the call. Default 10,485,760 (10 MiB). */
  readonly result?: number;
  /** How many questions one task may ask, answered ones included. Default 100. */
  readonly questions?: number;
}

/** What {@link createServer} takes. */
export interface ServerOptions<Components extends readonly ComponentEntry[] = readonly ComponentEntry[]> {
  /** What the server calls itself to clients. */
  readonly name: string;
  /** The version that clients are told. */
  readonly version: string;
  /** What people see instead of the name. */
  readonly title?: string;
  /** Where people read more. */
  readonly websiteUrl?: string;
  /** Pictures for clients that show servers. */
  readonly icons?: Icon[];
  /** What clients tell the model about the server. */
  readonly instructions?: string;
  /** Classes with `@tool`, `@prompt`, `@resource` and `@job` methods, and what `defineTool` and `defineJob` return. */
  readonly components: Components;
  /** What the components are given. */
  readonly providers?: readonly Provider[];
  /** An outer tsyringe container, or another host's: gives what `providers` does not. */
  readonly container?: TsyringeContainer | ExternalContainer;
  /** Whether tools, prompts and resources that do not say may run as tasks. Default `'forbidden'`. */
  readonly tasks?: TaskOption;
  /** How long calls of components that do not say may run, not counting open questions. Default `'1h'`. */
  readonly timeout?: Duration;
  /** How long a question stays open when its author does not say. Default `'1h'`. */
  readonly questionDeadline?: Duration;
  /** How long calls that were ended early may take to settle, also when the server closes. Default `'10s'`. */
  readonly grace?: Duration;
  /** `'mask'` (the default) shows clients a reference id instead of an unexpected error, `'reveal'` shows the error too. */
  readonly errors?: ErrorDisclosure;
  /** How the server is reached over HTTP: by `fetch`, and by `listen` where its own options say nothing else. */
  readonly http?: HttpOptions;
  /** Where and how background work runs. */
  readonly docket?: DocketOptions;
  /** Where log lines go. Default: JSON lines on stderr, from `info` up. */
  readonly logger?: Logger;
}

/** A duration that comes out in milliseconds; a wrong one is refused by the option's name. */
const duration = (option: string, fallback: Duration) =>
  z
    .custom<Duration>()
    .default(fallback)
    .transform((given) => toMilliseconds(given, `createServer: ${option}`));

const count = (fallback: number) => z.number().int().min(1).default(fallback);

const isContainer = (value: unknown): boolean =>
  isTsyringeContainer(value) ||
  (isObject(value) && ['has', 'lifetime', 'resolve'].every((method) => typeof value[method] === 'function'));

/** The one place that says what options may be, and what they are when not given. Durations come out in milliseconds. */
const Options = z.strictObject({
  name: nameOption,
  version: z.string().min(1),
  title: z.string().optional(),
  websiteUrl: z.string().optional(),
  icons: z.array(z.custom<Icon>()).optional(),
  instructions: z.string().optional(),
  components: z.array(z.custom<ComponentEntry>()),
  providers: z.array(z.custom<Provider>()).default([]),
  container: z
    .custom<ServerOptions['container']>(isContainer, 'expected a container of tsyringe or an ExternalContainer')
    .optional(),
  tasks: z.custom<TaskOption>().default(false),
  timeout: duration('timeout', '1h'),
  questionDeadline: duration('questionDeadline', '1h'),
  grace: duration('grace', '10s'),
  errors: z.enum(['mask', 'reveal']).default('mask'),
  http: z.strictObject(httpShape).refine(isConsistent, inconsistent).prefault({}),
  logger: z.custom<Logger>((given) => given instanceof Logger, 'expected a Logger').default(() => new Logger()),
  docket: z
    .strictObject({
      ...docketOptions,
      worker: z.boolean().default(true),
      concurrency: count(10),
      headers: z
        .array(z.string())
        .default(['traceparent', 'tracestate', 'accept-language', 'x-request-id'])
        .transform((names): ReadonlySet<string> => new Set(names.map((name) => name.toLowerCase()))),
      ttl: duration('docket.ttl', '1h'),
      lease: duration('docket.lease', '10s').refine((given) => given >= 1_000, 'give at least 1 second'),
      limits: z
        .strictObject({
          openTasks: count(1_000),
          ttl: duration('docket.limits.ttl', '24h'),
          input: count(2 ** 20),
          result: count(10 * 2 ** 20),
          questions: count(100),
        })
        .prefault({}),
    })
    .prefault({}),
});

/** Options with nothing left open. */
export type ResolvedOptions = Omit<z.output<typeof Options>, 'tasks'> & {
  readonly tasks: TaskMode;
  readonly clock: Clock;
  readonly meters: Meters;
  readonly tracing: Tracing;
  readonly strays: StrayErrors;
  /** A PEM file of certificates that the environment names. */
  readonly docketCa: string | undefined;
};

/** The environment variables that say something of the docket. */
const docketVariables = [
  'ERRAND_DOCKET_URL',
  'ERRAND_DOCKET_NAME',
  'ERRAND_DOCKET_CA',
  'ERRAND_DOCKET_ENCRYPTION_KEYS',
  'ERRAND_WORKER_CONCURRENCY',
] as const;

/** @throws {ErrandError} `OPTIONS_INVALID`, naming the option. */
export function resolveOptions(options: ServerOptions, environment: Environment): ResolvedOptions {
  const given = Options.safeParse(isObject(options) ? withEnvironment(options, environment) : options);
  if (!given.success) {
    throw new ErrandError(
      'OPTIONS_INVALID',
      `createServer: ${describeIssues(given.error)}.${hint(given.error, environment)}`,
    );
  }
  const tasks = toTaskMode(given.data.tasks, 'createServer: tasks');
  return {
    ...given.data,
    tasks,
    clock: systemClock,
    meters: new Meters(),
    tracing: new Tracing(),
    strays: new StrayErrors(),
    docketCa: environment['ERRAND_DOCKET_CA'],
  };
}

/** What a wrong option of the docket may come from. */
function hint(error: z.ZodError, environment: Environment): string {
  if (!error.issues.some(({ path }) => path[0] === 'docket')) return '';
  const set = docketVariables.filter((name) => environment[name] !== undefined);
  return set.length === 0 ? '' : ` The environment sets ${set.join(' and ')}.`;
}

/** What the environment says of the docket goes under what the options say of it. */
function withEnvironment(options: Record<string, unknown>, environment: Environment): object {
  const { ERRAND_WORKER_CONCURRENCY: workers } = environment;
  // The environment has texts only; where an option is to be a number, a text is refused.
  const concurrency = workers === undefined ? undefined : Number(workers);
  const { docket = {} } = options;
  if (!isObject(docket)) return options;
  const said = { ...docketEnvironment(environment), ...withoutUndefined({ concurrency }) };
  return { ...options, docket: { ...said, ...withoutUndefined(docket) } };
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** What the options say of calls. */
export function callSettings(options: ResolvedOptions): CallSettings {
  const { clock, logger, meters, tracing, errors, grace, questionDeadline } = options;
  return { clock, logger, meters, tracing, disclosure: errors, grace, questionDeadline };
}

/** What of its caller travels with a background call. */
export function snapshotRules({ docket: { headers, encryptionKeys } }: ResolvedOptions): SnapshotRules {
  return { headers, sealed: encryptionKeys !== undefined };
}
