import type { Argument, Reply } from './connection/script-runner.js';
import type { Damages } from './damage.js';
import { nodeOf } from './events/presence.js';
import { keyParts, mendable } from './keys.js';
import { lua } from './lua/bundle.js';
import type { LuaStep } from './lua/lua-step.js';

/** How many names are tried as those of damaged values. */
const mostNames = 100;

/** Calls that failed because of a damaged value are made again if one was removed within this time, in milliseconds. */
const mendingTime = 2_000;

/** The parts of the engine that {@link Mender} uses. */
export interface MenderParts {
  readonly damages: Damages;
  /** Runs a step without mending. */
  run(step: LuaStep, ...args: readonly Argument[]): Promise<Reply>;
  /** Called after the list of all schedules was removed. */
  schedulesLost(): Promise<void>;
}

/** Removes damaged values that keep steps from running. */
export class Mender {
  /** When damaged values were last removed. */
  private mended = -Infinity;

  constructor(private readonly parts: MenderParts) {}

  /** @param names - the arguments of the steps that failed, some of which name what is damaged. Returns whether to try again. */
  readonly mend = async (names: readonly string[]): Promise<boolean> => {
    const { damages } = this.parts;
    const all = names.flatMap((name) => (name.includes('/') ? [name, nodeOf(name)] : [name])).slice(0, mostNames);
    const removed = (await this.parts.run(lua.damage.mend, JSON.stringify(mendable), ...all)) as [string, string][];
    for (const [key, type] of removed) damages.removed(key, type);
    if (removed.length > 0) this.mended = performance.now();
    // In each process that meets the loss; one that does not sets its own at its start.
    if (removed.some(([key]) => key === keyParts.schedules)) await this.parts.schedulesLost();
    // Another call may have removed what this one met.
    return performance.now() - this.mended < mendingTime;
  };
}
