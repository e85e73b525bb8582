import { afterEach, beforeEach, describe } from '@jest/globals';
import { addingContract } from './contract/adding.js';
import { boundsContract } from './contract/bounds.js';
import { cancellingContract } from './contract/cancelling.js';
import { eventsContract } from './contract/events.js';
import { followingContract } from './contract/following.js';
import { lifecycleContract } from './contract/lifecycle.js';
import { limitsContract } from './contract/limits.js';
import { listingContract } from './contract/listing.js';
import { overviewContract } from './contract/overview.js';
import { prioritiesContract } from './contract/priorities.js';
import { questionsContract } from './contract/questions.js';
import { replacingContract } from './contract/replacing.js';
import { runningContract } from './contract/running.js';
import { schedulesContract } from './contract/schedules.js';
import { sessionsContract } from './contract/sessions.js';
import { questionLeasesContract } from './contract/question-leases.js';
import { slotsContract } from './contract/slots.js';
import { Stage, type MakeEngine } from './contract/stage.js';
import { timeContract } from './contract/time.js';

/**
 * The contract that every engine must fulfil. `make` gives each test an engine on an empty docket, and a clock to turn if
 * the engine has one. Without one, tests of time wait a few hundred milliseconds each.
 */
export function engineContract(name: string, make: MakeEngine): void {
  describe(`the ${name} engine`, () => {
    let open: Stage;
    const stage = (): Stage => open;

    beforeEach(async () => {
      open = await Stage.open(make);
    });
    afterEach(() => open.close());

    addingContract(stage);
    replacingContract(stage);
    prioritiesContract(stage);
    runningContract(stage);
    cancellingContract(stage);
    timeContract(stage);
    schedulesContract(stage);
    questionsContract(stage);
    eventsContract(stage);
    followingContract(stage);
    slotsContract(stage);
    boundsContract(stage);
    limitsContract(stage);
    listingContract(stage);
    overviewContract(stage);
    sessionsContract(stage);
    questionLeasesContract(stage);
    lifecycleContract(stage);
  });
}
