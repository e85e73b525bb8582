import type { Addition, CancelResult, NewExecution, Retried } from '../docket/engine/engine.js';
import { tooManyTasks } from '../docket/engine/size-limits.js';
import type { ExecutionRecord } from '../docket/engine/record.js';
import type { ExpectedEnds } from './events/expected-ends.js';
import type { WaitingList } from './queue/waiting-list.js';
import { addedRecord, executionFields, recordIn } from './codec.js';
import { addScript, cancelScript, getScript } from './scripts/executions.js';
import { retryScript } from './scripts/overview.js';
import type { Argument, Reply, Script } from './scripts/script.js';

/** What executions need of their engine. */
export interface RedisExecutionsHost {
  /** The name of this process. */
  readonly node: string;
  readonly line: WaitingList;
  /** Whose ends are likely to be waited for here. */
  readonly expected: ExpectedEnds;
  run(script: Script, ...args: readonly Argument[]): Promise<Reply>;
  /** Tells one wish from another. */
  request(): string;
}

/** How executions come into the docket, and what is done with them from outside of their runs. */
export class RedisExecutions {
  constructor(private readonly host: RedisExecutionsHost) {}

  /** An owner who has `limit` open tasks gets no more. With `replaces`, a live execution under the key makes way. */
  async add(execution: NewExecution, limit: number, replaces: boolean): Promise<Addition> {
    const { expected, node } = this.host;
    const { key, component } = execution;
    const expecting = expected.expect(key, component);
    try {
      const addition = await this.enter(execution, limit, replaces, expecting.told ? node : '');
      expected.settle(key, expecting, addition.added ? addition.record : undefined);
      return addition;
    } catch (error) {
      expected.settle(key, expecting, undefined);
      throw error;
    }
  }

  async get(key: string): Promise<ExecutionRecord | undefined> {
    return recordIn(await this.host.run(getScript, key));
  }

  async retry(key: string): Promise<Retried> {
    const { line } = this.host;
    const [status, value, place] = await this.list(retryScript, this.host.request(), key);
    await line.enqueue(key, place);
    const record = recordIn(value);
    return { retried: status === 'retried', ...(record && { record }) };
  }

  async cancel(key: string, reason: string | undefined, generation: number | undefined): Promise<CancelResult> {
    const { line } = this.host;
    const args = [this.host.request(), key, generation ?? '', reason === undefined ? '0' : '1', reason ?? ''];
    const [result, ticket, called] = await this.list(cancelScript, ...args);
    line.discard(ticket);
    await line.call(called);
    return result as CancelResult;
  }

  private async enter(execution: NewExecution, limit: number, replaces: boolean, awaits: string): Promise<Addition> {
    const { line } = this.host;
    const { key, component, owner, session, runAt = 0, delay = 0 } = execution;
    const most = Number.isFinite(limit) ? limit : -1;
    const [task, replace] = [session === undefined ? '0' : '1', replaces ? '1' : '0'];
    const facts = [this.host.request(), key, owner, task, replace, component, most, runAt, delay, awaits];
    const reply = await this.list(addScript, ...facts, ...executionFields(execution));
    const [status, value, place, old, called] = reply;
    if (status === 'limit') throw tooManyTasks(limit, Number(value));
    if (status === 'known') return { added: false, record: recordIn(value) as ExecutionRecord };
    line.discard(old);
    await line.call(called);
    // The transition is made, so that nobody has to wait for this.
    void line.enqueue(key, place);
    if (status === 'again') return { added: true, record: recordIn(value) as ExecutionRecord };
    return { added: true, record: addedRecord(execution, value as readonly string[]) };
  }

  /** A script whose reply is a list. */
  private async list(script: Script, ...args: readonly Argument[]): Promise<readonly Reply[]> {
    return (await this.host.run(script, ...args)) as readonly Reply[];
  }
}
