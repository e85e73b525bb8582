import { toMilliseconds, type Duration } from '../base/duration.js';
import { ErrandError } from '../base/errors.js';
import { unknownOption } from '../base/read-options.js';

/** When a failed background call is retried: the number of attempts, alone or with the delays between them. */
export type RetryOption =
  | number
  | {
      /** The number of attempts, including the first. */
      readonly attempts: number;
      /** The delay before the second attempt. Default: `'1s'`. */
      readonly delay?: Duration;
      /** `fixed` keeps the delay, `exponential` doubles it each time. Default: `'exponential'`. */
      readonly backoff?: 'fixed' | 'exponential';
      /** The longest delay. Default: `'1m'`. */
      readonly maximumDelay?: Duration;
    };

/** A retry option with all defaults filled in. Delays are in milliseconds. */
export interface RetryPolicy {
  readonly attempts: number;
  readonly delay: number;
  readonly backoff: 'fixed' | 'exponential';
  readonly maximumDelay: number;
}

/** The policy without a `retry` option: one attempt. */
export const noRetry: RetryPolicy = { attempts: 1, delay: 1_000, backoff: 'exponential', maximumDelay: 60_000 };

const names = Object.keys(noRetry);

/** @throws {ErrandError} `OPTIONS_INVALID` */
export function toRetryPolicy(option: unknown, where: string): RetryPolicy {
  const given = (typeof option === 'object' ? (option ?? {}) : { attempts: option }) as Partial<RetryPolicy>;
  const unknown = Object.keys(given).find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new ErrandError('OPTIONS_INVALID', `${where}: retry: ${unknownOption(unknown, names)}.`);
  }
  const { attempts = 0, backoff = noRetry.backoff } = given;
  if (!Number.isSafeInteger(attempts) || attempts < 1 || !['fixed', 'exponential'].includes(backoff)) {
    throw new ErrandError(
      'OPTIONS_INVALID',
      `${where}: retry is ${JSON.stringify(option)}. Give the number of attempts (1 or more) or { attempts, delay, backoff: 'fixed' | 'exponential', maximumDelay }.`,
    );
  }
  return {
    attempts,
    backoff,
    delay: toMilliseconds(given.delay ?? noRetry.delay, `${where}: retry.delay`),
    maximumDelay: toMilliseconds(given.maximumDelay ?? noRetry.maximumDelay, `${where}: retry.maximumDelay`),
  };
}

/** The delay before the attempt that follows `failures` failed ones, in milliseconds. */
export function retryDelay({ delay, backoff, maximumDelay }: RetryPolicy, failures: number): number {
  return backoff === 'fixed' ? delay : Math.min(delay * 2 ** (failures - 1), maximumDelay);
}
