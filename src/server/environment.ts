import { toMilliseconds } from '../base/duration.js';
import { withoutUndefined, docketEnvironment, type Environment } from '../docket/docket-options.js';

/** How the text of an environment variable becomes the value of an option. */
type Reading = (text: string, variable: string) => unknown;

const asText: Reading = (text) => text;

/** What is no number is left to the schema, whose error names the option. */
const asNumber: Reading = (text) => Number(text.trim() === '' ? NaN : text);

const asDuration: Reading = (text, variable) =>
  toMilliseconds(
    /^\d+(\.\d+)?$/.test(text) ? Number(text) : text,
    `createServer: the environment variable ${variable}`,
  );

/** The environment variables of `createServer`: the path of the option that each sets, and how it is read. */
export const variables = {
  ERRAND_GRACE: ['grace', asDuration],
  ERRAND_DOCKET_TTL: ['docket.ttl', asDuration],
  ERRAND_DOCKET_LEASE: ['docket.lease', asDuration],
  ERRAND_DOCKET_LIMITS_OPEN_TASKS: ['docket.limits.openTasks', asNumber],
  ERRAND_DOCKET_LIMITS_TTL: ['docket.limits.ttl', asDuration],
  ERRAND_DOCKET_LIMITS_INPUT: ['docket.limits.input', asNumber],
  ERRAND_DOCKET_LIMITS_RESULT: ['docket.limits.result', asNumber],
  ERRAND_DOCKET_LIMITS_QUESTIONS: ['docket.limits.questions', asNumber],
  ERRAND_WORKER_CONCURRENCY: ['docket.concurrency', asNumber],
  ERRAND_WORKER_NAME: ['docket.workerName', asText],
} as const satisfies Record<string, readonly [option: string, read: Reading]>;

/** Those that `openDocket` reads as well, see {@link docketEnvironment}; and the path of a file. */
const shared = {
  ERRAND_DOCKET_URL: 'docket.url',
  ERRAND_DOCKET_NAME: 'docket.name',
  ERRAND_DOCKET_ENCRYPTION_KEYS: 'docket.encryptionKeys',
  ERRAND_DOCKET_CA: 'docket.tls.ca',
} as const;

/** The option that each environment variable of Errand sets. */
export const optionOf: Readonly<Record<string, string>> = {
  ...shared,
  ...Object.fromEntries(Object.entries(variables).map(([name, [option]]) => [name, option])),
};

/**
 * Adds the options of the environment. An explicit option wins.
 *
 * @throws {ErrandError} `OPTIONS_INVALID` for a variable that is no duration
 */
export function withEnvironment(options: Record<string, unknown>, environment: Environment): object {
  const { docket } = options;
  if (docket !== undefined && !isObject(docket)) return options;
  const merged: Record<string, unknown> = {
    ...options,
    docket: { ...docketEnvironment(environment), ...withoutUndefined(docket ?? {}) },
  };
  for (const [variable, [option, read]] of Object.entries(variables)) {
    const text = environment[variable];
    if (text !== undefined) setUnlessGiven(merged, option.split('.'), () => read(text, variable));
  }
  return merged;
}

/** Sets an option in copies of the groups that it is in. */
function setUnlessGiven(
  group: Record<string, unknown>,
  [name = '', ...rest]: readonly string[],
  value: () => unknown,
): void {
  const given = group[name];
  if (rest.length === 0) {
    if (given === undefined) group[name] = value();
  } else if (given === undefined || isObject(given)) {
    const copy = { ...given };
    group[name] = copy;
    setUnlessGiven(copy, rest, value);
  }
}

/** Mentions the variables that are set for an invalid option, or for one in a group of which a part is invalid. */
export function environmentHint(paths: readonly string[], environment: Environment): string {
  const set = Object.entries(optionOf).filter(
    ([variable, option]) => environment[variable] !== undefined && paths.some((path) => concerns(option, path)),
  );
  return set.length === 0 ? '' : ` The environment sets ${set.map(([variable]) => variable).join(' and ')}.`;
}

const concerns = (option: string, path: string): boolean => path === option || path.startsWith(`${option}.`);

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
