import { instruments, type AttributesOf, type Instrument, type InstrumentName } from './instruments.js';

/** Receives counts and measurements. Must not throw: a call must not fail because it is counted. */
export interface MeterSink {
  /** `value` is a counter's increment, or a measurement in the instrument's unit. */
  record(instrument: Instrument, value: number, attributes: Readonly<Record<string, string>>): void;
}

/** The value of a gauge at one moment. */
export interface Reading {
  readonly instrument: Instrument;
  readonly value: number;
  readonly attributes: Readonly<Record<string, string>>;
}

/** Reads one or more gauges; {@link readingOf} makes each reading. */
export type Gauge = () => readonly Reading[] | Promise<readonly Reading[]>;

/** Makes a reading of a gauge in the table. */
export function readingOf<Name extends InstrumentName<'gauge'>>(
  name: Name,
  value: number,
  attributes: Readonly<Record<(typeof instruments)[Name]['attributes'][number], string>>,
): Reading {
  return { instrument: instruments[name], value, attributes };
}

/** Passes a server's counts and measurements to sinks, if there are any. Costs next to nothing without one. */
export class Meters {
  private readonly sinks = new Set<MeterSink>();
  private readonly gauges = new Set<Gauge>();

  /** Whether there is a sink. */
  get isUsed(): boolean {
    return this.sinks.size > 0;
  }

  /** Adds a sink. Returns a function that removes it. */
  attach(sink: MeterSink): () => void {
    this.sinks.add(sink);
    return () => this.sinks.delete(sink);
  }

  /** Adds to a counter, by default one. */
  count<Name extends InstrumentName<'counter'>>(name: Name, attributes: AttributesOf<Name>, by = 1): void {
    this.record(name, by, attributes);
  }

  /** Records a duration in milliseconds; sinks receive seconds. */
  time<Name extends InstrumentName<'histogram'>>(
    name: Name,
    milliseconds: number,
    attributes: AttributesOf<Name>,
  ): void {
    this.record(name, milliseconds / 1_000, attributes);
  }

  /** Adds a gauge to read on demand. */
  observe(gauge: Gauge): void {
    this.gauges.add(gauge);
  }

  /** Reads all gauges. Leaves out those that fail, for example because the docket cannot be reached. */
  async readings(): Promise<readonly Reading[]> {
    const read = await Promise.allSettled([...this.gauges].map(async (gauge) => gauge()));
    return read.flatMap((result) => (result.status === 'fulfilled' ? result.value : []));
  }

  private record(name: InstrumentName, value: number, attributes: Readonly<Record<string, string | undefined>>): void {
    if (this.sinks.size === 0) return;
    const instrument: Instrument = instruments[name];
    const defined: Record<string, string> = { ...instrument.constant };
    for (const [name, attribute] of Object.entries(attributes)) if (attribute !== undefined) defined[name] = attribute;
    for (const sink of this.sinks) sink.record(instrument, value, defined);
  }
}
