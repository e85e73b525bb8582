import type { CallFrame, CallSettings } from '../call/frame.js';
import type { Catalog } from '../components/catalog.js';
import type { Engine } from '../docket/engine.js';
import type { Implementation } from '../protocol/types.js';
import type { Retention } from '../tasks/submit.js';

/** What every binding needs of its server. */
export interface Core extends CallSettings {
  readonly identity: Implementation;
  readonly instructions?: string;
  readonly catalog: Catalog<CallFrame>;
  /** Names of the headers that travel to workers, in lower case. */
  readonly headers: ReadonlySet<string>;
  readonly retention: Retention;
  /** Absent when no component runs in the background. */
  readonly engine?: Engine;
}
