import { randomUUID } from 'node:crypto';
import { ErrandError } from '../base/errors.js';
import type { CallFrame, Caller } from '../call/frame.js';
import type { Component } from '../components/component.js';
import type { DefinedComponent } from '../components/define.js';
import type { Class } from '../injection/tokens.js';
import type { DocketHost } from './docket.js';
import type { ScheduleRecord } from './engine/engine.js';
import type { ExecutionRecord } from './engine/record.js';
import { inSendingSpan } from './engine/spans.js';
import { toTimetable, type ScheduleWhen } from './engine/timetable.js';
import { Execution, type Waiting } from './execution.js';
import { checkedKey, dueTime, prepareSubmission } from './submission.js';

/** Does the work of `docket.add` and `docket.replace`. `rest` are their arguments after the target. */
export async function enterExecution(
  how: 'add' | 'replace',
  target: Class<object> | DefinedComponent,
  rest: readonly unknown[],
  host: DocketHost,
  caller: Caller,
  waiting: Waiting,
): Promise<Execution> {
  const where = `docket.${how}`;
  const { component, options, work } = await prepareSubmission(how, target, rest, host, caller);
  const { when } = options;
  const key = how === 'add' && options.key === undefined ? randomUUID() : options.key;
  const due = when === undefined ? {} : dueTime(when, where);
  const execution = { key: checkedKey(key, `${where}: key`), ...work, ...due };
  const engine = await host.engine();
  const { added, record } = await inSendingSpan(host.tracing, execution, (traced) => engine[how](traced));
  if (added) host.meters.count('executionsAdded', { 'errand.component': component.name });
  else refuseForeign(record, component, how, caller);
  return new Execution(record, added, engine, waiting, host.limits);
}

/** Does the work of `docket.schedule`. */
export async function enterSchedule(
  id: string,
  when: ScheduleWhen,
  target: Class<object> | DefinedComponent,
  rest: readonly unknown[],
  host: DocketHost,
  caller: Caller,
): Promise<ScheduleRecord> {
  const key = checkedKey(id, 'docket.schedule: id');
  const timetable = toTimetable(when);
  const { work } = await prepareSubmission('schedule', target, rest, host, caller);
  const engine = await host.engine();
  return engine.schedule({ id: key, when: timetable, ...work });
}

/** `add` is idempotent for the same component and principal. A key shared by different ones is a mistake. */
function refuseForeign(
  record: ExecutionRecord,
  component: Component<CallFrame>,
  how: 'add' | 'replace',
  caller: Caller,
): void {
  const same = record.component === component.name && record.owner === caller.principal.id;
  if (same && how === 'add') return;
  const whose = same ? 'a task that a client asked for' : 'a live execution of another component or principal';
  throw new ErrandError(
    'KEY_TAKEN',
    `docket.${how}: the key '${record.key}' belongs to ${whose}. Put the component or the principal into the key.`,
  );
}
