import ms from 'ms';
import { ErrandError } from './errors.js';
import { shown } from './shown.js';

/** Milliseconds, or a string such as `'250ms'`, `'30s'`, `'5m'`, `'1h'`, `'7d'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

/**
 * Converts a duration to milliseconds. `what` names the option in the error.
 *
 * @throws {ErrandError} `OPTIONS_INVALID` when `duration` is not a duration, or is negative or not finite.
 */
export function toMilliseconds(duration: unknown, what: string): number {
  const value =
    typeof duration === 'string' && /^\d+(\.\d+)?(ms|s|m|h|d)$/.test(duration)
      ? ms(duration as ms.StringValue)
      : duration;
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value;
  throw new ErrandError(
    'OPTIONS_INVALID',
    `${what} is ${described(duration)}. Give milliseconds (a number of at least 0) or a string such as '30s' or '1h'.`,
  );
}

function described(duration: unknown): string {
  if (typeof duration === 'string') return shown(JSON.stringify(duration));
  if (typeof duration === 'number' || duration === undefined || duration === null) return String(duration);
  return `a value of type ${typeof duration}`;
}
