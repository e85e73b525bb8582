/** A counter adds up, a histogram sorts measurements into buckets, and a gauge is read on demand. */
export type InstrumentKind = 'counter' | 'histogram' | 'gauge';

/** A metric that the server provides. */
export interface Instrument {
  /** From OpenTelemetry's semantic conventions if they define one. */
  readonly name: string;
  readonly kind: InstrumentKind;
  /** In UCUM, as in OpenTelemetry: `s` for seconds, `{run}` for a number of runs. */
  readonly unit: string;
  readonly description: string;
  /** The names of the attributes, besides the constant ones. */
  readonly attributes: readonly string[];
  /** Attributes that the conventions require and that never vary. */
  readonly constant?: Readonly<Record<string, string>>;
  /** The upper bounds of a histogram's buckets. */
  readonly buckets?: readonly number[];
}

/** Seconds, from a short call to the longest one that the default timeout allows. */
const machineTimes = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 3_600];

/** Seconds, for people. */
const humanTimes = [1, 5, 10, 30, 60, 300, 900, 3_600, 14_400, 86_400];

/** All metrics. The README lists them; a name never gets a new meaning. */
export const instruments = {
  executionsAdded: {
    name: 'errand.execution.added',
    kind: 'counter',
    unit: '{execution}',
    description: 'Executions that this process added to the docket.',
    attributes: ['errand.component'],
  },
  startDelay: {
    name: 'errand.execution.start_delay',
    kind: 'histogram',
    unit: 's',
    description: 'Time from when an execution was due until its run began.',
    attributes: ['errand.component'],
    buckets: machineTimes,
  },
  executionsRedelivered: {
    name: 'errand.execution.redelivered',
    kind: 'counter',
    unit: '{execution}',
    description: 'Runs of executions whose earlier run was interrupted without an outcome.',
    attributes: ['errand.component'],
  },
  executionsUnknown: {
    name: 'errand.execution.unknown_component',
    kind: 'counter',
    unit: '{execution}',
    description: 'Executions released because this worker does not have their component. Worth an alert.',
    attributes: ['errand.component'],
  },
  executionsGivenUp: {
    name: 'errand.execution.given_up',
    kind: 'counter',
    unit: '{execution}',
    description: 'Executions failed with EXECUTION_LOST because they were interrupted too often. Worth an alert.',
    attributes: ['errand.component'],
  },
  runsEnded: {
    name: 'errand.run.ended',
    kind: 'counter',
    unit: '{run}',
    description: 'Runs, by how they ended.',
    attributes: ['errand.component', 'errand.outcome'],
  },
  runDuration: {
    name: 'messaging.process.duration',
    kind: 'histogram',
    unit: 's',
    description: 'Duration of runs, not counting open questions.',
    attributes: ['errand.component', 'errand.outcome', 'error.type'],
    constant: { 'messaging.system': 'errand', 'messaging.operation.name': 'process' },
    buckets: machineTimes,
  },
  questionsAsked: {
    name: 'errand.question.asked',
    kind: 'counter',
    unit: '{question}',
    description:
      'Questions that background calls asked their clients. Finding one again in a later run does not count.',
    attributes: ['errand.component', 'errand.question.kind'],
  },
  questionsAnswered: {
    name: 'errand.question.answered',
    kind: 'counter',
    unit: '{question}',
    description: 'Questions that a client answered while their call waited.',
    attributes: ['errand.component', 'errand.question.kind'],
  },
  questionsExpired: {
    name: 'errand.question.expired',
    kind: 'counter',
    unit: '{question}',
    description: 'Questions whose deadline passed while their call waited.',
    attributes: ['errand.component', 'errand.question.kind'],
  },
  answerTime: {
    name: 'errand.question.answer_time',
    kind: 'histogram',
    unit: 's',
    description: "Time from a question to the client's answer.",
    attributes: ['errand.component', 'errand.question.kind'],
    buckets: humanTimes,
  },
  requestDuration: {
    name: 'mcp.server.operation.duration',
    kind: 'histogram',
    unit: 's',
    description: 'Duration of client requests, by method.',
    attributes: ['mcp.method.name', 'gen_ai.tool.name', 'gen_ai.prompt.name', 'error.type'],
    buckets: [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300],
  },
  redisReconnected: {
    name: 'errand.redis.reconnected',
    kind: 'counter',
    unit: '{connection}',
    description: 'Redis connections that were lost and re-established.',
    attributes: [],
  },
  messagesDropped: {
    name: 'errand.message.dropped',
    kind: 'counter',
    unit: '{message}',
    description:
      'Messages to this process for which its inbox in Redis had no room, by kind: it reads too slowly. Only log lines (notice) are lost.',
    attributes: ['errand.message.kind'],
  },
  newsDropped: {
    name: 'errand.news.dropped',
    kind: 'counter',
    unit: '{message}',
    description:
      'Progress, log lines and statuses that did not reach a client because it reads too slowly. The latest progress and status are kept.',
    attributes: ['errand.message.kind'],
  },
  clientsLimited: {
    name: 'errand.client.limited',
    kind: 'counter',
    unit: '{request}',
    description: 'Requests and questions beyond a limit of http.limits, by limit: address.sessions and so on.',
    attributes: ['errand.limit'],
  },
  valuesDamaged: {
    name: 'errand.redis.damaged',
    kind: 'counter',
    unit: '{value}',
    description: 'Values in Redis that this process found damaged, by what they are: each once. Worth an alert.',
    attributes: ['errand.value.kind'],
  },
  workerSlots: {
    name: 'errand.worker.slots',
    kind: 'gauge',
    unit: '{run}',
    description: 'Calls that the worker can run at once.',
    attributes: ['errand.worker'],
  },
  workerRunning: {
    name: 'errand.worker.running',
    kind: 'gauge',
    unit: '{run}',
    description: 'Calls of the worker that hold a slot.',
    attributes: ['errand.worker'],
  },
  workerWaiting: {
    name: 'errand.worker.waiting',
    kind: 'gauge',
    unit: '{run}',
    description: 'Calls of the worker that wait and hold no slot.',
    attributes: ['errand.worker'],
  },
  docketExecutions: {
    name: 'errand.docket.executions',
    kind: 'gauge',
    unit: '{execution}',
    description:
      'Executions of the docket, by state; ended ones until their records expire. Every process reports the same value, and none during an outage.',
    attributes: ['errand.state'],
  },
  docketQuestions: {
    name: 'errand.docket.open_questions',
    kind: 'gauge',
    unit: '{question}',
    description:
      'Questions of the docket that wait for an answer. Every process reports the same value, and none during an outage.',
    attributes: [],
  },
  docketOldestWait: {
    name: 'errand.docket.oldest_wait',
    kind: 'gauge',
    unit: 's',
    description:
      'How long the oldest due execution has waited for a worker. Every process reports the same value, and none during an outage.',
    attributes: [],
  },
  docketWorkers: {
    name: 'errand.docket.workers',
    kind: 'gauge',
    unit: '{worker}',
    description: 'Live workers of the docket. Every process reports the same value, and none during an outage.',
    attributes: [],
  },
} as const satisfies Record<string, Instrument>;

type Table = typeof instruments;

/** The names of the instruments of one kind in the table. */
export type InstrumentName<Kind extends InstrumentKind = InstrumentKind> = {
  [Name in keyof Table]: Table[Name]['kind'] extends Kind ? Name : never;
}[keyof Table];

/** The attributes of an instrument. Undefined ones are left out. */
export type AttributesOf<Name extends InstrumentName> = {
  readonly [Attribute in Table[Name]['attributes'][number]]: string | undefined;
};
