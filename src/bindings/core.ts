import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import type { CallFrame } from '../call/frame.js';
import type { ErrorDisclosure } from '../call/outcome.js';
import type { Catalog } from '../components/catalog.js';
import type { Engine } from '../docket/engine.js';
import type { Implementation } from '../protocol/types.js';
import type { Retention } from '../tasks/submit.js';

/** What every binding needs of its server. */
export interface Core {
  readonly identity: Implementation;
  readonly instructions?: string;
  readonly catalog: Catalog<CallFrame>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly disclosure: ErrorDisclosure;
  /** How long calls may take to settle after an early end, in milliseconds. */
  readonly grace: number;
  /** Milliseconds. */
  readonly questionDeadline: number;
  /** Names of the headers that travel to workers, in lower case. */
  readonly headers: ReadonlySet<string>;
  readonly retention: Retention;
  /** Absent when no component runs in the background. */
  readonly engine?: Engine;
}
