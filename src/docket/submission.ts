import { inspect } from 'node:util';
import { toMilliseconds, type Duration } from '../base/duration.js';
import { ErrandError } from '../base/errors.js';
import { isWellFormed, type Json } from '../base/json.js';
import { unknownOption } from '../base/read-options.js';
import { shown } from '../base/shown.js';
import type { CallFrame, Caller } from '../call/frame.js';
import { takeSnapshot, type SnapshotRules } from '../call/snapshot.js';
import type { Catalog } from '../components/catalog.js';
import type { Component } from '../components/component.js';
import { isDefinedComponent, type DefinedComponent } from '../components/define.js';
import { toPriority } from '../components/options.js';
import { toRetryPolicy } from '../components/retry-policy.js';
import { encode } from '../components/schema/parse.js';
import type { Class } from '../injection/tokens.js';
import type { AddOptions, ScheduleOptions } from './add-types.js';
import type { NewExecution } from './engine/engine.js';
import { inputWithin, type SizeLimits } from './engine/size-limits.js';

/** The parts of a server that submissions depend on. */
export interface SubmissionHost {
  /** Known only once the components are compiled, which may inject the docket. */
  catalog(): Catalog<CallFrame>;
  /** How long a record is kept after its execution has ended, in milliseconds. */
  readonly ttl: number;
  readonly limits: SizeLimits;
  readonly snapshots: SnapshotRules;
}

/** The validated arguments of `add`, `replace` or `schedule`. */
export interface Submission {
  readonly component: Component<CallFrame>;
  readonly options: AddOptions;
  readonly work: Omit<NewExecution, 'key'>;
}

const scheduleOptions: readonly string[] = ['retry', 'timeout', 'priority'] satisfies (keyof ScheduleOptions)[];
const addOptions: readonly string[] = [...scheduleOptions, ...(['key', 'when'] satisfies (keyof AddOptions)[])];

/**
 * Validates what the program submits to the docket.
 *
 * @param how - the method of the docket
 * @param rest - its arguments after the target: the method's name (of a class), input and options
 */
export async function prepareSubmission(
  how: 'add' | 'replace' | 'schedule',
  target: Class<object> | DefinedComponent,
  rest: readonly unknown[],
  host: SubmissionHost,
  caller: Caller,
): Promise<Submission> {
  const call = `docket.${how}`;
  const [method, input, given] = isDefinedComponent(target) ? [undefined, ...rest] : rest;
  const options = checkedOptions(given, how === 'schedule' ? scheduleOptions : addOptions, call);
  const component = host.catalog().resolve(target, method as string | undefined);
  const stored = await storedInput(component, input, host.limits);
  const snapshot = takeSnapshot(caller, host.snapshots);
  const { retry, timeout } = options;
  const priority = options.priority === undefined ? component.priority : toPriority(options.priority, call);
  const work = {
    component: component.name,
    owner: caller.principal.id,
    retry: retry === undefined ? component.retry : toRetryPolicy(retry, call),
    timeout: timeout === undefined ? component.timeout : toMilliseconds(timeout, `${call}: timeout`),
    ttl: host.ttl,
    ...(stored !== undefined && { input: stored }),
    ...(snapshot !== undefined && { snapshot }),
    ...(priority > 0 && { priority }),
  };
  return { component, options, work };
}

/** The longest delay, in milliseconds: anything longer is a mistake, and soon exceeds the range of dates. */
const longestDelay = 100 * 365 * 24 * 3_600_000;

/** A delay is not turned into a time here, because it counts by the engine's clock and not by this machine's. */
export function dueTime(when: Date | Duration, where: string): Pick<NewExecution, 'runAt' | 'delay'> {
  if (when instanceof Date) {
    const runAt = when.getTime();
    if (Number.isFinite(runAt)) return { runAt };
    throw new ErrandError(
      'OPTIONS_INVALID',
      `${where}: when is an invalid Date. Give a valid one, or a delay such as "5m".`,
    );
  }
  const delay = toMilliseconds(when, `${where}: when`);
  if (delay <= longestDelay) return { delay };
  throw new ErrandError(
    'OPTIONS_INVALID',
    `${where}: when is ${delay} ms. Give a Date, or a delay of at most 100 years.`,
  );
}

/** Keys must be well-formed: Redis would replace lone surrogates, and two keys could become one. */
export function checkedKey(key: unknown, what: string): string {
  if (typeof key === 'string' && key.length > 0 && key.length <= 512 && isWellFormed(key)) return key;
  const given = typeof key === 'string' ? JSON.stringify(shown(key)) : shown(inspect(key, { depth: 0 }));
  throw new ErrandError('OPTIONS_INVALID', `${what} is ${given}. Give a string of 1 to 512 whole characters.`);
}

/** A misspelt option must not be ignored. */
function checkedOptions(given: unknown, known: readonly string[], call: string): AddOptions {
  if (given === undefined) return {};
  const names = typeof given === 'object' && given !== null ? Object.keys(given) : undefined;
  const unknown = names?.find((name) => !known.includes(name));
  if (names !== undefined && unknown === undefined) return given as AddOptions;
  const what =
    unknown === undefined
      ? `options are ${shown(inspect(given, { depth: 0 }))}. Give an object with any of ${known.join(', ')}.`
      : `${unknownOption(unknown, known)}.`;
  throw new ErrandError('OPTIONS_INVALID', `${call}: ${what}`);
}

async function storedInput(
  component: Component<CallFrame>,
  input: unknown,
  limits: SizeLimits,
): Promise<Json | undefined> {
  const { kind, label, task, takes, encodable, schema } = component;
  if (kind === 'prompt' || kind === 'resource') {
    throw new ErrandError(
      'COMPONENT_INVALID',
      `${label} is a ${kind}, which only clients can request. Make it a job or a tool to add it to the docket.`,
    );
  }
  if (task === 'forbidden') {
    throw new ErrandError(
      'COMPONENT_INVALID',
      `${label} runs in the foreground only, so it cannot be added to the docket. Set \`task: 'optional'\` on it, or make it a job.`,
    );
  }
  if (takes === 'named arguments') {
    throw new ErrandError(
      'COMPONENT_INVALID',
      `${label} takes arguments by @param, which only clients can pass by name. Declare \`input\` on it to add it to the docket.`,
    );
  }
  if (takes === 'nothing') {
    if (input === undefined) return undefined;
    throw new ErrandError(
      'INPUT_INVALID',
      `${label} takes no input, but the docket was given one. Declare \`input\` on it, or leave it out.`,
    );
  }
  if (!encodable) {
    throw new ErrandError(
      'SCHEMA_UNSUPPORTED',
      `${label}: its input has a one-way transform, so it cannot be stored. Use z.codec(), which works both ways.`,
    );
  }
  const encoded = await encode(schema, input, 'INPUT_INVALID', `${label}: input`);
  return inputWithin(limits, encoded, `${label}: input`);
}
