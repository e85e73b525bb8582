/** What stands between the docket's prefix and the name of each thing in Redis. The one place where keys are made. */
const parts = {
  /** Hash: the record of an execution. */
  execution: 'execution:',
  /** Hash: the questions of an execution, until its end. */
  questions: 'questions:',
  /** Sorted set: the keys of an owner's tasks, by sequence number. */
  tasks: 'tasks:',
  /** Sorted set: those of them that have ended, by the time when they expire. */
  ended: 'ended:',
  /** Counter: the open tasks of an owner. */
  open: 'open:',
  /** Sorted set: the keys of all executions in one state, by the order in which they were added. */
  state: 'state:',
  /** Sorted set: the keys of those that have ended, by the time when they expire. */
  expiring: 'expiring',
  /** Set: the open questions, each with its execution. */
  asked: 'asked',
  /** Sorted set: the workers, by the time until which they are taken to live. */
  workers: 'workers',
  /** Hash: what a worker says of itself. */
  worker: 'worker:',
  /** Text: the lock under which a worker took its last ticket from the line, and the id of that. */
  taken: 'taken:',
  /** Set: the processes that watch an execution. */
  keyWatch: 'watch:key:',
  /** Set: the processes that watch a session. */
  sessionWatch: 'watch:session:',
  /** Set: the processes that watch everything. */
  allWatch: 'watch:all',
  /** Hash: a session that several processes may serve. */
  session: 'session:',
  /** Set: the keys of a session's open tasks. */
  sessionTasks: 'session-tasks:',
  /** List: tasks of a session that ended when no place held it. */
  missed: 'missed:',
  /** Text: there was a sign of the process not long ago. */
  alive: 'alive:',
  /** Text: until when nobody is taken for gone for want of a sign, as there was none of anybody. It lives as the signs do. */
  signs: 'signs',
  /** Counter: how many events a process was sent. It exists as long as the process is taken to live. */
  node: 'node:',
  /** Stream: what a process was sent. */
  inbox: 'inbox:',
  /** Hash: a schedule, until it is taken back. */
  schedule: 'schedule:',
  /** Sorted set: the processes that died while they ran a component, by when that was found; for as long as it counts. */
  crashes: 'crashes:',
  /** Text: the component may be what they died of, so that its calls are made one at a time and beside no other. */
  isolated: 'isolated:',
  /** Sorted set: the ids of the schedules, by the time at which a process is told to make the next tick. */
  schedules: 'schedules',
  /** List: BullMQ's line of tickets without a priority; the last one is the next. */
  line: 'tickets:wait',
  /** Sorted set: BullMQ's line of those with one. */
  prioritized: 'tickets:prioritized',
  /** Sorted set: BullMQ's sign that there is something in line, for which workers wait. */
  sign: 'tickets:marker',
  /**
   * Of a component that is bound: `limits:` hash; `running:` set of the executions that run; `called:` set of those that
   * have a ticket because there is a place for them; `blocked:` sorted set of those that wait for one, in their order;
   * `starts:` counter of the runs that began in the time of its rate, which lives so long.
   */
  gate: 'gate:',
  /** Sorted set: what is to be done later, by its time. */
  due: 'due',
  /** Counter: the last ticket. */
  sequence: 'sequence',
  /** Text: written by those who look whether Redis can be written. */
  health: 'health',
  /** Text: what tells the cursors of this docket from those of others. */
  mark: 'mark',
} as const;

type Part = keyof typeof parts;

/** BullMQ's name for the queue of tickets; its keys are the docket's prefix, then this. */
export const queueName = 'tickets';

/** The name that its jobs have: each is a run to be made. */
export const jobName = 'run';

/**
 * What all keys of a docket begin with, without the last colon. The braces bring them to the same shard of a cluster,
 * which makes scripts over several of them possible.
 */
export const prefixOf = (docket: string): string => `{errand:${encodeURIComponent(docket)}}`;

/** The key of one thing. `name` is empty for what a docket has one of. */
export const keyOf = (prefix: string, part: Part, name = ''): string => `${prefix}:${parts[part]}${name}`;

/**
 * The same for scripts: where Lua says `executionKey(name)` and so on, the key is put together in place, as a call would cost
 * more than that. Scripts are given the prefix as their first key; what is in the parentheses has none itself.
 */
export function withKeys(lua: string): string {
  return lua.replace(/\b(\w+)Key\(([^()]*)\)/g, (call, part: string, name: string) => {
    if (!Object.hasOwn(parts, part)) return call;
    return `(KEYS[1] .. ':${parts[part as Part]}'${name === '' ? '' : ` .. (${name} or '')`})`;
  });
}
