import type { RareLog } from '../base/rare-log.js';
import type { CallFrame, CallSettings } from '../call/frame.js';
import type { Catalog } from '../components/catalog.js';
import type { Engine } from '../docket/engine/engine.js';
import type { Implementation } from '../protocol/types.js';
import type { SubmissionSettings } from '../tasks/submit.js';
import type { SlowReaderLimits } from './unread.js';

/** The server, as every binding needs it. */
export interface Core extends CallSettings, SubmissionSettings {
  readonly identity: Implementation;
  readonly instructions?: string;
  readonly slowReaders: SlowReaderLimits;
  /** How long a client has for a question before it is offered to others as well, in milliseconds. */
  readonly questionPatience: number;
  readonly catalog: Catalog<CallFrame>;
  /** For lines that a stranger can cause. */
  readonly rareLog: RareLog;
  /** Absent when no component runs in the background. */
  readonly engine?: Engine;
}
