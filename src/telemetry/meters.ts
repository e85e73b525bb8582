/** What is counted goes up one by one; what is measured falls into buckets; a level is read when somebody looks. */
export type InstrumentKind = 'counter' | 'histogram' | 'gauge';

/** One thing that is counted or measured. */
export interface Instrument {
  /** By the semantic conventions of OpenTelemetry where they have one. */
  readonly name: string;
  readonly kind: InstrumentKind;
  /** In UCUM, as OpenTelemetry has it: `s` for seconds, `{run}` for what is counted. */
  readonly unit: string;
  readonly description: string;
  /** The names of the attributes, in addition to those that are always the same. */
  readonly attributes: readonly string[];
  /** Attributes that the conventions ask for and that never differ. */
  readonly constant?: Readonly<Record<string, string>>;
  /** Where the buckets of a histogram end. */
  readonly buckets?: readonly number[];
}

/** Seconds, from the time of a short call to that of the longest that the default timeout allows. */
const machineTimes = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800, 3_600];

/** Seconds that people take. */
const humanTimes = [1, 5, 10, 30, 60, 300, 900, 3_600, 14_400, 86_400];

/** Everything that is counted or measured. The README lists it; a name is never given a new meaning. */
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
    description: 'From the time at which an execution was due until its run began.',
    attributes: ['errand.component'],
    buckets: machineTimes,
  },
  executionsRedelivered: {
    name: 'errand.execution.redelivered',
    kind: 'counter',
    unit: '{execution}',
    description: 'Runs of executions of which an earlier run was interrupted without an outcome.',
    attributes: ['errand.component'],
  },
  executionsUnknown: {
    name: 'errand.execution.unknown_component',
    kind: 'counter',
    unit: '{execution}',
    description: 'Executions put back because this worker does not have their component. Worth an alert.',
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
    description: 'Runs by how they ended.',
    attributes: ['errand.component', 'errand.outcome'],
  },
  runDuration: {
    name: 'messaging.process.duration',
    kind: 'histogram',
    unit: 's',
    description: 'How long runs took, not counting open questions.',
    attributes: ['errand.component', 'errand.outcome', 'error.type'],
    constant: { 'messaging.system': 'errand', 'messaging.operation.name': 'process' },
    buckets: machineTimes,
  },
  questionsAsked: {
    name: 'errand.question.asked',
    kind: 'counter',
    unit: '{question}',
    description: 'Questions that background calls put to clients; one that a later run finds again does not count.',
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
    description: 'From the question to the answer of the client.',
    attributes: ['errand.component', 'errand.question.kind'],
    buckets: humanTimes,
  },
  requestDuration: {
    name: 'mcp.server.operation.duration',
    kind: 'histogram',
    unit: 's',
    description: 'How long requests of clients took, by their method.',
    attributes: ['mcp.method.name', 'gen_ai.tool.name', 'gen_ai.prompt.name', 'error.type'],
    buckets: [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300],
  },
  redisReconnected: {
    name: 'errand.redis.reconnected',
    kind: 'counter',
    unit: '{connection}',
    description: 'Connections to Redis that were lost and made again.',
    attributes: [],
  },
  workerSlots: {
    name: 'errand.worker.slots',
    kind: 'gauge',
    unit: '{run}',
    description: 'How many calls the worker makes at once.',
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
      'Executions of the docket by state; ended ones until their records expire. Every process tells the same, and none in an outage.',
    attributes: ['errand.state'],
  },
  docketQuestions: {
    name: 'errand.docket.open_questions',
    kind: 'gauge',
    unit: '{question}',
    description:
      'Questions of the docket that wait for an answer. Every process tells the same, and none in an outage.',
    attributes: [],
  },
  docketOldestWait: {
    name: 'errand.docket.oldest_wait',
    kind: 'gauge',
    unit: 's',
    description:
      'How long the oldest execution that is due waits for a worker. Every process tells the same, and none in an outage.',
    attributes: [],
  },
  docketWorkers: {
    name: 'errand.docket.workers',
    kind: 'gauge',
    unit: '{worker}',
    description: 'Workers of the docket that are alive. Every process tells the same, and none in an outage.',
    attributes: [],
  },
} as const satisfies Record<string, Instrument>;

type Table = typeof instruments;

type Named<Kind extends InstrumentKind> = {
  [Name in keyof Table]: Table[Name]['kind'] extends Kind ? Name : never;
}[keyof Table];

/** The attributes of one instrument. What is undefined is left out. */
export type AttributesOf<Name extends keyof Table> = {
  readonly [Attribute in Table[Name]['attributes'][number]]: string | undefined;
};

/** Takes what is counted and measured. Must not throw: a call must not fail because it is counted. */
export interface MeterSink {
  /** `value` is what a counter grows by, or what was measured. */
  record(instrument: Instrument, value: number, attributes: Readonly<Record<string, string>>): void;
}

/** The level of a gauge at one moment. */
export interface Reading {
  readonly instrument: Instrument;
  readonly value: number;
  readonly attributes: Readonly<Record<string, string>>;
}

/** Reads gauges, of which each reading is made by {@link readingOf}. */
export type Gauge = () => readonly Reading[] | Promise<readonly Reading[]>;

/** A reading of a gauge of the table. */
export function readingOf<Name extends Named<'gauge'>>(
  name: Name,
  value: number,
  attributes: Readonly<Record<(typeof instruments)[Name]['attributes'][number], string>>,
): Reading {
  return { instrument: instruments[name], value, attributes };
}

/** What a server counts and measures, for whoever wants to know; without a sink it costs next to nothing. */
export class Meters {
  private readonly sinks = new Set<MeterSink>();
  private readonly gauges = new Set<Gauge>();

  /** Whether somebody wants to know. */
  get isUsed(): boolean {
    return this.sinks.size > 0;
  }

  /** Hands on everything from now on, until the returned function is called. */
  attach(sink: MeterSink): () => void {
    this.sinks.add(sink);
    return () => this.sinks.delete(sink);
  }

  /** Counts one. */
  count<Name extends Named<'counter'>>(name: Name, attributes: AttributesOf<Name>): void {
    this.record(name, 1, attributes);
  }

  /** Measures a time, in milliseconds; sinks get seconds. */
  time<Name extends Named<'histogram'>>(name: Name, milliseconds: number, attributes: AttributesOf<Name>): void {
    this.record(name, milliseconds / 1_000, attributes);
  }

  /** Adds what is to be read whenever somebody looks, until the returned function is called. */
  observe(gauge: Gauge): () => void {
    this.gauges.add(gauge);
    return () => this.gauges.delete(gauge);
  }

  /** All levels as they are now. What cannot be read now, such as a docket that is out of reach, is left out. */
  async readings(): Promise<readonly Reading[]> {
    const read = await Promise.allSettled([...this.gauges].map(async (gauge) => gauge()));
    return read.flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
  }

  private record(name: keyof Table, value: number, attributes: Readonly<Record<string, string | undefined>>): void {
    if (this.sinks.size === 0) return;
    const instrument: Instrument = instruments[name];
    const known: Record<string, string> = { ...instrument.constant };
    for (const [attribute, given] of Object.entries(attributes)) if (given !== undefined) known[attribute] = given;
    for (const sink of this.sinks) sink.record(instrument, value, known);
  }
}
