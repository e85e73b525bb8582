import { markCopy } from '../base/package-copy.js';
import type { Meters } from '../telemetry/meters.js';
import type { Tracing } from '../telemetry/tracing.js';
import type { Caller } from '../call/frame.js';
import { anonymous, CurrentHeaders } from '../call/principal.js';
import type { DefinedComponent } from '../components/define.js';
import type { Class } from '../injection/tokens.js';
import type * as Adding from './adding.js';
import type {
  AddArguments,
  DefinitionArguments,
  DefinitionReplaceArguments,
  MethodName,
  ReplaceArguments,
  ResultOf,
  ScheduleOptions,
} from './add-types.js';
import type { Engine, ScheduleRecord } from './engine/engine.js';
import type { Execution, Waiting } from './execution.js';
import type { ExecutionPage, ListOptions } from './execution-summary.js';
import type { DocketStats, WorkerSummary } from './engine/queries.js';
import type { SubmissionHost } from './submission.js';
import type { ExecutionRecord } from './engine/record.js';
import type { ScheduleWhen, Timetable } from './engine/timetable.js';

/** A schedule of the docket. */
export interface Schedule {
  /** Unique in the docket, and the key of the executions it adds. */
  readonly id: string;
  /** The timetable with all defaults filled in; `every` in milliseconds. */
  readonly when: Timetable;
  /** The name of the component it runs. */
  readonly component: string;
  /** The next tick. */
  readonly next: Date;
}

/** The parts of a server that its docket depends on. */
export interface DocketHost extends SubmissionHost {
  readonly meters: Meters;
  readonly tracing: Tracing;
  /** Loads what adds executions, when it is first used: servers start faster without it. */
  adding(): Promise<typeof Adding>;
  /** Resolves with the started engine. Rejects if the server has no background component or is closed. */
  engine(): Promise<Engine>;
}

/** The queue of work of one server. */
export class Docket {
  /** @internal */
  constructor(
    private readonly host: DocketHost,
    private readonly caller: Caller = { principal: anonymous, headers: new CurrentHeaders() },
    private readonly waiting: Waiting = (work) => work,
  ) {}

  /**
   * Adds a call of a component. A worker runs it as the principal of the call that adds it.
   *
   * @throws {ErrandError} `COMPONENT_UNKNOWN`, `INPUT_INVALID`, `INPUT_TOO_LARGE`, `SCHEMA_UNSUPPORTED` for an input with one-way
   * transforms, `OPTIONS_INVALID`, `KEY_TAKEN`, `DOCKET_UNAVAILABLE`.
   */
  add<C extends Class<object>, Name extends MethodName<InstanceType<C>>>(
    component: C,
    method: Name,
    ...rest: AddArguments<InstanceType<C>[Name]>
  ): Promise<Execution<ResultOf<InstanceType<C>[Name]>>>;
  add<Input, Result>(
    definition: DefinedComponent<Input, Result>,
    ...rest: DefinitionArguments<NoInfer<Input>>
  ): Promise<Execution<Result>>;
  add(target: Class<object> | DefinedComponent, ...rest: unknown[]): Promise<Execution> {
    return this.enter('add', target, rest);
  }

  /**
   * Adds a call of a component, replacing the live execution with its key: one that waits is dropped, one that runs is
   * cancelled and can no longer write. If there is none, it is the same as `add`.
   *
   * Waiting for the replaced execution fails with `EXECUTION_REPLACED`. Executions of another component or principal, and
   * tasks that a client asked for, are never replaced.
   *
   * @example
   * ```ts
   * import { CurrentDocket, defineJob } from 'errand';
   * import { z } from 'zod';
   *
   * const remind = defineJob({ name: 'remind', input: z.object({ user: z.string() }), run: async ({ user }) => user });
   *
   * export async function postpone(docket: CurrentDocket, user: string): Promise<void> {
   *   await docket.replace(remind, { user }, { key: `remind-${user}`, when: '1h' });
   * }
   * ```
   * @throws {ErrandError} as {@link Docket.add}.
   */
  replace<C extends Class<object>, Name extends MethodName<InstanceType<C>>>(
    component: C,
    method: Name,
    ...rest: ReplaceArguments<InstanceType<C>[Name]>
  ): Promise<Execution<ResultOf<InstanceType<C>[Name]>>>;
  replace<Input, Result>(
    definition: DefinedComponent<Input, Result>,
    ...rest: DefinitionReplaceArguments<NoInfer<Input>>
  ): Promise<Execution<Result>>;
  replace(target: Class<object> | DefinedComponent, ...rest: unknown[]): Promise<Execution> {
    return this.enter('replace', target, rest);
  }

  private async enter(
    how: 'add' | 'replace',
    target: Class<object> | DefinedComponent,
    rest: readonly unknown[],
  ): Promise<Execution> {
    const { enterExecution } = await this.host.adding();
    return enterExecution(how, target, rest, this.host, this.caller, this.waiting);
  }

  /**
   * Adds a call at each tick of a timetable, with the schedule's id as its key, until {@link Docket.unschedule}. Each tick
   * happens once, however many processes the docket has. A tick is skipped while the call of an earlier one is alive. Ticks
   * missed while no process was running are made up for by a single one.
   *
   * Call it in every process at startup: it replaces the schedule with the same id, and if `when` is unchanged, the next
   * tick stays as it was.
   *
   * @param id - unique in the docket, like a key
   * @throws {ErrandError} `OPTIONS_INVALID` for an invalid id, timetable or option; and as {@link Docket.add} for the
   * component and its input.
   *
   * @example
   * ```ts
   * import { createServer, defineJob } from 'errand';
   *
   * const clean = defineJob({ name: 'clean', run: () => 'cleaned' });
   *
   * export default async function start() {
   *   const server = createServer({ name: 'reports', version: '1.0.0', components: [clean] });
   *   await server.docket.schedule('nightly', { cron: '0 3 * * *', timezone: 'Europe/Berlin' }, clean);
   *   return server;
   * }
   * ```
   */
  schedule<C extends Class<object>, Name extends MethodName<InstanceType<C>>>(
    id: string,
    when: ScheduleWhen,
    component: C,
    method: Name,
    ...rest: AddArguments<InstanceType<C>[Name], ScheduleOptions>
  ): Promise<Schedule>;
  schedule<Input, Result>(
    id: string,
    when: ScheduleWhen,
    definition: DefinedComponent<Input, Result>,
    ...rest: DefinitionArguments<NoInfer<Input>, ScheduleOptions>
  ): Promise<Schedule>;
  async schedule(
    id: string,
    when: ScheduleWhen,
    target: Class<object> | DefinedComponent,
    ...rest: unknown[]
  ): Promise<Schedule> {
    const { enterSchedule } = await this.host.adding();
    return toSchedule(await enterSchedule(id, when, target, rest, this.host, this.caller));
  }

  /** Removes a schedule. Calls it has already added stay. `false` if no schedule has that id. */
  async unschedule(id: string): Promise<boolean> {
    return (await this.host.engine()).unschedule(id);
  }

  /** Lists all schedules, the next to tick first. */
  async schedules(): Promise<readonly Schedule[]> {
    return (await (await this.host.engine()).schedules()).map(toSchedule);
  }

  /** Finds an execution by its key; undefined if there is none, or its record has expired. */
  async get(key: string): Promise<Execution | undefined> {
    const engine = await this.host.engine();
    const record = await engine.get(key);
    return record && this.handle(record, false, engine);
  }

  /** Cancels an execution, running or not. `false` if there is none, or it has already ended. */
  async cancel(key: string, reason?: string): Promise<boolean> {
    return (await (await this.host.engine()).cancel(key, reason)) === 'cancelled';
  }

  /**
   * Runs a failed execution again, with its original input and a fresh count of attempts. The input is kept as long as the
   * record. Tasks of clients are not run again: to the client, an ended task stays ended.
   *
   * @throws {ErrandError} `EXECUTION_UNKNOWN`, `RETRY_REFUSED`, `DOCKET_UNAVAILABLE`
   */
  async retry(key: string): Promise<Execution> {
    const engine = await this.host.engine();
    const { runAgain } = await import('./execution-summary.js');
    return this.handle(await runAgain(engine, key), true, engine);
  }

  /**
   * Lists the executions of all principals, the newest first. The cost of a page does not grow with the docket.
   *
   * @throws {ErrandError} `OPTIONS_INVALID`, `CURSOR_INVALID`, `DOCKET_UNAVAILABLE`
   */
  async list(options: ListOptions = {}): Promise<ExecutionPage> {
    const { toBrowseQuery, toPage } = await import('./execution-summary.js');
    const query = toBrowseQuery(options);
    return toPage(await (await this.host.engine()).browse(query));
  }

  /** Counts what waits, runs and has ended. @throws {ErrandError} `DOCKET_UNAVAILABLE` */
  async stats(): Promise<DocketStats> {
    return (await this.host.engine()).stats();
  }

  /** Lists the live workers of all processes. @throws {ErrandError} `DOCKET_UNAVAILABLE` */
  async workers(): Promise<readonly WorkerSummary[]> {
    return (await this.host.engine()).workers();
  }

  private async handle(record: ExecutionRecord, added: boolean, engine: Engine): Promise<Execution> {
    const { Execution } = await import('./execution.js');
    return new Execution(record, added, engine, this.waiting, this.host.limits);
  }
}

/** Token for the server's docket. Executions that a call adds belong to the principal of the call. */
export class CurrentDocket extends Docket {
  static {
    markCopy(this);
  }
}

const toSchedule = ({ id, when, component, next }: ScheduleRecord): Schedule => ({
  id,
  when,
  component,
  next: new Date(next),
});
