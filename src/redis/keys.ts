/** The part of each key between the docket's prefix and a name. Nothing else builds keys: Lua takes them from here as well. */
export const keyParts = {
  /** Hash: the record of an execution. */
  execution: 'execution:',
  /** Hash: the questions of an execution, until its end. */
  questions: 'questions:',
  /** Sorted set: the keys of an owner's tasks, by sequence number. */
  tasks: 'tasks:',
  /** Sorted set: the keys of an owner's ended tasks, by expiry time. */
  ended: 'ended:',
  /** Counter: the open tasks of an owner, or, after `client:`, of a client that is not just its owner. */
  open: 'open:',
  /** Sorted set: the keys of all executions in one state, in the order of addition. */
  state: 'state:',
  /** Sorted set: the keys of all ended executions, by expiry time. */
  expiring: 'expiring',
  /** Set: the open questions, each with its execution. */
  asked: 'asked',
  /** Sorted set: the workers, by the time at which they count as dead. */
  workers: 'workers',
  /** Hash: the description of a worker. */
  worker: 'worker:',
  /** Text: the lock under which a worker took its last job from the waiting list, and the id of the job. */
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
  /** List: tasks of a session that ended while no connection held it. */
  missed: 'missed:',
  /** Text: exists while the heartbeat of the process is recent. */
  alive: 'alive:',
  /**
   * Text: after an outage without heartbeats, the time until which no process counts as gone. Expires like a heartbeat.
   */
  signs: 'signs',
  /** Counter: how many events a process was sent. Exists as long as the process counts as alive. */
  node: 'node:',
  /** Stream: the events sent to a process. */
  inbox: 'inbox:',
  /**
   * Hash: how full an inbox is. `bytes` of what the process has not acknowledged, plus one; `dropped:` how many messages of a
   * kind found no room; `again:` the executions whose progress did not.
   */
  fill: 'fill:',
  /** Hash: a schedule, until it is deleted. */
  schedule: 'schedule:',
  /** Text: exists for a while after a schedule was deleted, so that no process restores it. */
  unscheduled: 'unscheduled:',
  /** Sorted set: the processes that died while running a component, by the time this was found, for as long as it counts. */
  crashes: 'crashes:',
  /** Text: exists while the component is suspected of the crashes, so that its runs are isolated, one at a time. */
  isolated: 'isolated:',
  /** Sorted set: the ids of the schedules, by the time at which a process is asked to make the next tick. */
  schedules: 'schedules',
  /** BullMQ's queue. The name of a key is what BullMQ calls it, or the id of a job. */
  queue: 'tickets:',
  /** List: BullMQ's waiting list of jobs without a priority. The last one is next. */
  line: 'tickets:wait',
  /** Sorted set: BullMQ's waiting list of jobs with a priority. */
  prioritized: 'tickets:prioritized',
  /** Sorted set: BullMQ's marker, for which workers wait. It is set while a waiting list has a job. */
  sign: 'tickets:marker',
  /**
   * The limits of a component. `limits:` hash of them; `running:` set of running executions; `called:` set of admitted
   * executions that have a job again; `blocked:` sorted set of executions that wait, in their order; `starts:` counter of the
   * runs started in the current window of the rate, which expires with it; `unknown:` sorted set of executions that wait for a
   * worker that has the component, in their order; `look:` text that exists for a second after a worker had to look whether it
   * has it.
   */
  gate: 'gate:',
  /** Set: the components of which executions wait for a worker that has them. */
  unknown: 'unknown',
  /** Sorted set: what is due later, by its time. */
  due: 'due',
  /** Counter: the last job number. */
  sequence: 'sequence',
  /** Text: written by health checks. */
  health: 'health',
  /** Text: distinguishes this docket from others, and from itself before Redis lost its data. */
  mark: 'mark',
} as const;

type Part = keyof typeof keyParts;

/** The type of a key's value. A counter is a string of digits. */
type ValueType = 'string' | 'counter' | 'hash' | 'list' | 'set' | 'zset' | 'stream';

/** The names of BullMQ's own keys whose loss it survives, with their types. */
const queueTypes: Readonly<Record<string, ValueType>> = {
  wait: 'list',
  paused: 'list',
  active: 'list',
  prioritized: 'zset',
  delayed: 'zset',
  completed: 'zset',
  failed: 'zset',
  marker: 'zset',
  stalled: 'set',
  'stalled-check': 'string',
  meta: 'hash',
  id: 'counter',
  pc: 'counter',
  events: 'stream',
};

/** The types of the sets of a component. */
const gateTypes: Readonly<Record<string, ValueType>> = {
  limits: 'hash',
  running: 'set',
  called: 'set',
  blocked: 'zset',
  starts: 'counter',
  unknown: 'zset',
};

/** The types of what can be removed if it is damaged: everything except records and schedules, which are left out instead. */
const types: Readonly<Partial<Record<Part, ValueType>>> = {
  questions: 'hash',
  tasks: 'zset',
  ended: 'zset',
  open: 'counter',
  state: 'zset',
  worker: 'hash',
  taken: 'string',
  keyWatch: 'set',
  sessionWatch: 'set',
  session: 'hash',
  sessionTasks: 'set',
  missed: 'list',
  alive: 'string',
  node: 'counter',
  inbox: 'stream',
  fill: 'hash',
  crashes: 'zset',
  expiring: 'zset',
  asked: 'set',
  workers: 'zset',
  allWatch: 'set',
  signs: 'counter',
  schedules: 'zset',
  unknown: 'set',
  due: 'zset',
  sequence: 'counter',
  mark: 'string',
};

/** Parts of which a docket has only one key each. */
const single: readonly Part[] = [
  'expiring',
  'asked',
  'workers',
  'allWatch',
  'signs',
  'schedules',
  'unknown',
  'due',
  'sequence',
  'mark',
];

/** The parts of keys that can be mended, with their types, and whether a docket has only one of them. */
export const mendable: readonly (readonly [part: string, type: ValueType, isSingle: boolean])[] = [
  ...(Object.entries(types) as [Part, ValueType][]).map(
    ([part, type]) => [keyParts[part], type, single.includes(part)] as const,
  ),
  ...Object.entries(gateTypes).map(([part, type]) => [`${keyParts.gate}${part}:`, type, false] as const),
  ...Object.entries(queueTypes).map(([name, type]) => [`${keyParts.queue}${name}`, type, true] as const),
];

/** Name of the docket's queue in BullMQ. Its keys are the docket's prefix followed by this name. */
export const queueName = 'tickets';

/** Name of every job in that queue. */
export const jobName = 'run';

/**
 * The prefix of all keys of a docket, without the last colon. The braces put them on the same shard of a cluster, so that
 * one script can use several of them.
 */
export const prefixOf = (docket: string): string => `{errand:${encodeURIComponent(docket)}}`;

/** Builds a key. `name` is empty for a part that a docket has only one of. */
export const keyOf = (prefix: string, part: Part, name = ''): string => `${prefix}:${keyParts[part]}${name}`;
