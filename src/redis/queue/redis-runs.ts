import type { Outcome } from '../../call/outcome.js';
import type { Delivery, Settlement } from '../../docket/engine/engine.js';
import type { OnError } from '../../docket/engine/watchers.js';
import type { Commands } from '../connection/commands.js';
import type { Argument, Reply, ScriptRunner } from '../connection/script-runner.js';
import { lua } from '../lua/bundle.js';
import type { WaitingList } from './waiting-list.js';

/** A run that has ended with an outcome. */
export interface FinishedRun {
  /** Key of the execution. */
  readonly key: string;
  readonly run: string;
  readonly settlement: Settlement & { readonly type: 'finish' };
}

/** The parts of the engine that {@link RedisRuns} and `Intake` use. */
export interface RunsParts {
  readonly commands: Commands;
  /** Runs steps that workers wait for, however long an outage lasts. */
  readonly workers: () => ScriptRunner;
  readonly waitingList: WaitingList;
  /** How long a dead worker keeps its executions from others, in milliseconds. */
  readonly lease: number;
  /** Whether the steps may run BullMQ's own scripts. */
  readonly takesJobs: boolean;
  readonly report: OnError;
}

/** Settles runs, and publishes what they report. */
export class RedisRuns {
  constructor(private readonly parts: RunsParts) {}

  /** Settles a run. Returns `false` if the run had lost its execution. */
  settle(key: string, run: string, settlement: Settlement): Promise<boolean> {
    switch (settlement.type) {
      case 'finish':
        return this.settleAs(key, run, settlement.lost === true ? 'giveUp' : 'finish', 0, ...outcomeFields(settlement));
      case 'retry':
        return this.settleAs(key, run, 'retry', settlement.delay, 'lastError', JSON.stringify(settlement.error));
      case 'release':
        // An interrupted run goes to the front, one that never began waits for the delay, or for a worker with its component.
        if (settlement.delay === undefined) return this.settleAs(key, run, 'handBack');
        return settlement.unknown === true
          ? this.settleAs(key, run, 'setAside')
          : this.settleAs(key, run, 'putBack', settlement.delay);
    }
  }

  /** Records that an isolated run begins, with nothing running beside it. */
  async beginAlone(key: string, run: string, shared: boolean): Promise<void> {
    await this.parts.workers().run(lua.runs.beginAlone, key, run, shared ? '1' : '0');
  }

  /** Clears the component of an isolated run, which has shown that it kills no worker. */
  async exonerate(key: string, run: string): Promise<void> {
    const { commands, waitingList } = this.parts;
    const [admitted] = await commands.list(lua.runs.exonerate, key, run);
    await waitingList.admit(admitted);
  }

  /** Releases a run that ended without a settlement, which counts as lost. Waits for the end of an outage. */
  async releaseLost({ record, run }: Delivery): Promise<void> {
    const { commands, workers } = this.parts;
    const reply = await workers().run(lua.runs.settle, commands.request(), record.key, run, 'vanish', 0);
    await this.followUp(record.key, 'vanish', reply as readonly Reply[]);
  }

  /** Releases a run whose record this process cannot read, which counts as lost. */
  async releaseUnreadable(key: string, run: string): Promise<void> {
    await this.settleAs(key, run, 'vanish', this.parts.lease);
  }

  /** Ends a run whose record no process can read. `fields` make the record readable. */
  async endUnreadable(key: string, run: string, fields: readonly Argument[], outcome: Outcome): Promise<void> {
    await this.settleAs(key, run, 'giveUp', 0, 'failed', ...fields, 'outcome', JSON.stringify(outcome));
  }

  /** Publishes progress or a notice of a run. Returns `false` if the run had lost its execution. */
  async publish(key: string, run: string, event: 'progress' | 'notice', value: string): Promise<boolean> {
    return (await this.parts.commands.run(lua.runs.report, key, run, event, value)) === 1;
  }

  private async settleAs(key: string, run: string, how: string, delay = 0, ...fields: Argument[]): Promise<boolean> {
    const { commands } = this.parts;
    const args = [commands.request(), key, run, how, delay, ...fields];
    return this.followUp(key, how, await commands.list(lua.runs.settle, ...args));
  }

  private async followUp(key: string, how: string, [status, job, admitted]: readonly Reply[]): Promise<boolean> {
    const { waitingList } = this.parts;
    await waitingList.admit(admitted);
    await waitingList.enqueue(key, job, how === 'handBack' || how === 'vanish');
    return status === 'settled';
  }
}

/** The state that follows from an outcome, then the fields to write to the record. */
export function outcomeFields({ outcome, isError }: FinishedRun['settlement']): Argument[] {
  const state = 'error' in outcome ? 'failed' : 'completed';
  return [state, 'outcome', JSON.stringify(outcome), ...(isError === true ? ['isError', 1] : [])];
}
