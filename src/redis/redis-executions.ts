import type { Addition, CancelResult, NewExecution, Retried, TaskLimits } from '../docket/engine/engine.js';
import { tooManyTasks } from '../docket/engine/size-limits.js';
import type { ExecutionRecord } from '../docket/engine/record.js';
import type { ExpectedEnds } from './events/expected-ends.js';
import type { WaitingList } from './queue/waiting-list.js';
import { addedRecord, executionFields, recordIn } from './codec.js';
import type { Commands } from './connection/commands.js';
import type { Reply } from './connection/script-runner.js';
import { lua } from './lua/bundle.js';

/** What the limits of open tasks are for, in the order of the step. */
const limited = ['owner', 'client', 'session'] as const satisfies readonly (keyof TaskLimits)[];

/** Adds executions, and retries and cancels them from outside their runs. */
export class RedisExecutions {
  constructor(
    private readonly commands: Commands,
    private readonly waitingList: WaitingList,
    /** Executions whose ends are likely to be awaited in this process. */
    private readonly expected: ExpectedEnds,
  ) {}

  /** Refuses a task beyond the limits. With `replaces`, a live execution with the same key makes way. */
  async add(execution: NewExecution, limits: TaskLimits, replaces: boolean): Promise<Addition> {
    const { commands, expected } = this;
    const { key, component } = execution;
    const expecting = expected.expect(key, component);
    try {
      const addition = await this.addExecution(execution, limits, replaces, expecting.isReported ? commands.node : '');
      expected.settle(key, expecting, addition.added ? addition.record : undefined);
      return addition;
    } catch (error) {
      expected.settle(key, expecting, undefined);
      throw error;
    }
  }

  async get(key: string): Promise<ExecutionRecord | undefined> {
    return recordIn(await this.commands.run(lua.executions.get, key));
  }

  async retry(key: string): Promise<Retried> {
    const [status, value, job] = await this.commands.list(lua.executions.retry, this.commands.request(), key);
    await this.waitingList.enqueue(key, job);
    const record = recordIn(value);
    return { retried: status === 'retried', ...(record && { record }) };
  }

  async cancel(key: string, reason: string | undefined, generation: number | undefined): Promise<CancelResult> {
    const { waitingList } = this;
    const args = [this.commands.request(), key, generation ?? '', reason === undefined ? '0' : '1', reason ?? ''];
    const [result, jobNumber, admitted] = await this.commands.list(lua.executions.cancel, ...args);
    waitingList.remove(jobNumber);
    await waitingList.admit(admitted);
    return result as CancelResult;
  }

  private async addExecution(
    execution: NewExecution,
    limits: TaskLimits,
    replaces: boolean,
    awaits: string,
  ): Promise<Addition> {
    const { waitingList } = this;
    const { key, component, owner, session, runAt = 0, delay = 0 } = execution;
    const most = limited.map((who) => limits[who] ?? -1);
    const [task, replace] = [session === undefined ? '0' : '1', replaces ? '1' : '0'];
    const facts = [this.commands.request(), key, owner, task, replace, component, runAt, delay, awaits, ...most];
    const reply = await this.commands.list(lua.executions.add, ...facts, ...executionFields(execution));
    const [status, value, job, replacedJob, admitted] = reply;
    if (status === 'limit') {
      const [which = 0, open] = (value as readonly Reply[]).map(Number);
      const who = limited[which - 1] ?? 'owner';
      throw tooManyTasks(who, limits[who] ?? 0, open ?? 0);
    }
    if (status === 'known') return { added: false, record: recordIn(value) as ExecutionRecord };
    waitingList.remove(replacedJob);
    await waitingList.admit(admitted);
    // The transition is complete, so the caller need not wait for this.
    void waitingList.enqueue(key, job);
    if (status === 'again') return { added: true, record: recordIn(value) as ExecutionRecord };
    return { added: true, record: addedRecord(execution, value as readonly string[]) };
  }
}
