import { crashesUntilCharged, crashesUntilIsolated, crashWindow } from '../../docket/engine/loss-policy.js';
import { executionStates, mostLookedAt, summaryFields } from '../../docket/engine/queries.js';
import { endFields } from '../../docket/engine/record.js';
import { inboxRoom } from '../../docket/engine/size-limits.js';
import { endsKept, sessionsKept } from '../../docket/engine/sessions.js';
import { jobName } from '../keys.js';

/** Values that the Lua of the steps shares with other code, by the names that stand for them there. A list stands for its items. */
export const constants: Readonly<Record<string, string | number | readonly string[]>> = {
  CRASHES_UNTIL_CHARGED: crashesUntilCharged,
  CRASHES_UNTIL_ISOLATED: crashesUntilIsolated,
  CRASH_WINDOW: crashWindow,
  END_FIELDS: endFields,
  ENDS_KEPT: endsKept,
  EXECUTION_STATES: executionStates,
  INBOX_ROOM: inboxRoom,
  JOB_NAME: jobName,
  MOST_LOOKED_AT: mostLookedAt,
  SESSIONS_KEPT: sessionsKept,
  SUMMARY_FIELDS: summaryFields,
};
