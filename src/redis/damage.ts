import { ErrandError, messageOf } from '../base/errors.js';
import { Rarely } from '../base/rarely.js';
import type { OnError } from '../docket/engine/watchers.js';
import type { Meters } from '../telemetry/meters.js';

/** Whether a command failed because of a damaged value. */
export const isDamage = (error: unknown): boolean =>
  !ErrandError.is(error) && /\bWRONGTYPE\b|not an integer|hash value is not|attempt to /.test(messageOf(error));

/** The error of a command that failed because of a damaged value. */
export const damaged = (cause: unknown): ErrandError =>
  new ErrandError(
    'DOCKET_DAMAGED',
    'A value of the docket in Redis has a wrong type or content, so this is not possible. The log says which, if it is known.',
    { cause },
  );

/** The damaged values that this process has found. Each is reported and counted once. */
export class Damages {
  private readonly found = new Rarely(Infinity);

  constructor(
    private readonly report: OnError,
    private readonly meters: Meters,
  ) {}

  /** Notes that a value of a kind is damaged. */
  note(kind: string, name: string, error: unknown): void {
    if (!this.found.isDue(`${kind} ${name}`, 0)) return;
    this.meters.count('valuesDamaged', { 'errand.value.kind': kind });
    this.report(error);
  }

  /** Notes that a value of the wrong type was removed. */
  removed(key: string, type: string): void {
    this.meters.count('valuesDamaged', { 'errand.value.kind': key.replace(/:[^]*$/, '') });
    this.report(
      new ErrandError(
        'DOCKET_DAMAGED',
        `The key '${key}' of the docket held a ${type}, which nothing of Errand writes there. It was removed, and with it what it stood for.`,
      ),
    );
  }

  /** Reads values one by one. A damaged one is noted and left out. */
  readable<Value, T>(
    kind: string,
    values: readonly Value[],
    nameOf: (value: Value) => string,
    read: (value: Value) => T,
  ): T[] {
    return values.flatMap((value) => {
      try {
        return [read(value)];
      } catch (error) {
        this.note(kind, nameOf(value), error);
        return [];
      }
    });
  }
}
