import { z } from 'zod';
import { toMilliseconds, type Duration } from '../base/duration.js';
import { ErrandError, messageOf } from '../base/errors.js';
import { Logger } from '../base/logger.js';
import { systemClock, type Clock } from '../base/clock.js';
import type { ErrorDisclosure } from '../call/outcome.js';
import type { ComponentEntry } from '../components/catalog.js';
import { describeIssues } from '../components/parse.js';
import { toTaskMode, type TaskMode, type TaskOption } from '../components/options.js';
import type { ExternalContainer, TsyringeContainer } from '../injection/external.js';
import type { Provider } from '../injection/providers.js';
import type { CallFrame } from '../call/frame.js';

import type { Icon } from '../protocol/types.js';

/** Where and how background work runs. */
export interface DocketOptions {
  /** The engine: `memory://` (the default) needs nothing. Environment: `ERRAND_DOCKET_URL`. */
  readonly url?: string;
  /** Keeps dockets on one engine apart. Default: the server's name. Environment: `ERRAND_DOCKET_NAME`. */
  readonly name?: string;
  /** Whether this process works the docket as well. Default `true`. */
  readonly worker?: boolean;
  /** How many calls the embedded worker makes at once; calls that wait for an answer do not count. Default 10. Environment: `ERRAND_WORKER_CONCURRENCY`. */
  readonly concurrency?: number;
  /** Names of HTTP headers that travel to the worker. `authorization` and `cookie` never do. Default: `traceparent`, `tracestate`, `accept-language`, `x-request-id`. */
  readonly headers?: readonly string[];
  /** How long the record of a finished execution is kept. Default `'1h'`. */
  readonly ttl?: Duration;
  /** The longest `ttl` that a client gets. Default `'24h'`. */
  readonly maximumTtl?: Duration;
}

/** What {@link createServer} takes. */
export interface ServerOptions {
  /** What the server calls itself to clients. */
  readonly name: string;
  readonly version: string;
  readonly title?: string;
  readonly websiteUrl?: string;
  readonly icons?: Icon[];
  /** What clients tell the model about the server. */
  readonly instructions?: string;
  /** Classes with `@tool` and `@job` methods, and what `defineTool` and `defineJob` return. */
  readonly components: readonly ComponentEntry[];
  /** What the components are given. */
  readonly providers?: readonly Provider[];
  /** An outer tsyringe container, or another host's: gives what `providers` does not. */
  readonly container?: TsyringeContainer | ExternalContainer<CallFrame>;
  /** Whether tools that do not say may run as tasks. Default `'forbidden'`. */
  readonly tasks?: TaskOption;
  /** How long calls of components that do not say may run, not counting open questions. Default `'1h'`. */
  readonly timeout?: Duration;
  /** How long a question stays open when its author does not say. Default `'1h'`. */
  readonly questionDeadline?: Duration;
  /** How long calls that were ended early may take to settle, also when the server closes. Default `'10s'`. */
  readonly grace?: Duration;
  /** `'mask'` (the default) shows clients a reference id instead of an unexpected error, `'reveal'` shows the error too. */
  readonly errors?: ErrorDisclosure;
  readonly docket?: DocketOptions;
  /** Where log lines go. Default: JSON lines on stderr, from `info` up. */
  readonly logger?: Logger;
}

/** A duration that comes out in milliseconds. */
const duration = (fallback: Duration) =>
  z
    .custom<Duration>()
    .default(fallback)
    .transform((given, context): number => {
      try {
        return toMilliseconds(given, 'the duration');
      } catch (error) {
        context.addIssue({ code: 'custom', message: messageOf(error) });
        return z.NEVER;
      }
    });

/** The one place that says what options may be, and what they are when not given. Durations come out in milliseconds. */
const Options = z.strictObject({
  name: z.string().min(1),
  version: z.string().min(1),
  title: z.string().optional(),
  websiteUrl: z.string().optional(),
  icons: z.array(z.custom<Icon>()).optional(),
  instructions: z.string().optional(),
  components: z.array(z.custom<ComponentEntry>()),
  providers: z.array(z.custom<Provider>()).default([]),
  container: z.custom<ServerOptions['container']>().optional(),
  tasks: z.custom<TaskOption>().default(false),
  timeout: duration('1h'),
  questionDeadline: duration('1h'),
  grace: duration('10s'),
  errors: z.enum(['mask', 'reveal']).default('mask'),
  logger: z.instanceof(Logger).default(() => new Logger()),
  docket: z
    .strictObject({
      url: z.string().default('memory://'),
      name: z.string().min(1).optional(),
      worker: z.boolean().default(true),
      concurrency: z.coerce.number().int().min(1).default(10),
      headers: z.array(z.string()).default(['traceparent', 'tracestate', 'accept-language', 'x-request-id']),
      ttl: duration('1h'),
      maximumTtl: duration('24h'),
    })
    .prefault({}),
});

/** Options with nothing left open. */
export type ResolvedOptions = Omit<z.output<typeof Options>, 'tasks'> & {
  readonly tasks: TaskMode;
  readonly clock: Clock;
};

/** @throws {ErrandError} `OPTIONS_INVALID`, naming the option. */
export function resolveOptions(options: ServerOptions, environment: NodeJS.ProcessEnv): ResolvedOptions {
  const given = Options.safeParse({
    ...options,
    docket: { ...docketEnvironment(environment), ...withoutUndefined(options.docket) },
  });
  if (!given.success) throw new ErrandError('OPTIONS_INVALID', `createServer: ${describeIssues(given.error)}.`);
  return { ...given.data, tasks: toTaskMode(given.data.tasks, 'createServer: tasks'), clock: systemClock };
}

function docketEnvironment(environment: NodeJS.ProcessEnv): Record<string, string | undefined> {
  const { ERRAND_DOCKET_URL: url, ERRAND_DOCKET_NAME: name, ERRAND_WORKER_CONCURRENCY: concurrency } = environment;
  return withoutUndefined({ url, name, concurrency });
}

const withoutUndefined = <T extends object>(value: T | undefined): Partial<T> =>
  Object.fromEntries(Object.entries(value ?? {}).filter(([, each]) => each !== undefined)) as Partial<T>;
