import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { instruments, type Instrument } from '../../telemetry/instruments.js';
import type { Meters } from '../../telemetry/meters.js';

/** The measurements of a server from now on, as the text that Prometheus scrapes. */
export class PrometheusMeters {
  private readonly registry = new Registry();
  private readonly counters = new Map<string, Counter>();
  private readonly histograms = new Map<string, Histogram>();
  private readonly gauges = new Map<string, { readonly gauge: Gauge; readonly isLabelled: boolean }>();
  private readonly detach: () => void;

  constructor(private readonly meters: Meters) {
    for (const instrument of Object.values(instruments)) this.register(instrument);
    this.detach = meters.attach({
      record: ({ name }, value, attributes) => {
        this.counters.get(name)?.inc(labelsOf(attributes), value);
        this.histograms.get(name)?.observe(labelsOf(attributes), value);
      },
    });
  }

  /** The content type of {@link PrometheusMeters.text}. */
  get contentType(): string {
    return this.registry.contentType;
  }

  async text(): Promise<string> {
    const readings = await this.meters.readings();
    // Drop the values of workers that are gone.
    for (const { gauge, isLabelled } of this.gauges.values()) {
      gauge.reset();
      // A reset gauge reads 0, which nobody measured.
      if (!isLabelled) gauge.remove();
    }
    for (const { instrument, value, attributes } of readings) {
      this.gauges.get(instrument.name)?.gauge.set(labelsOf(attributes), value);
    }
    return this.registry.metrics();
  }

  close(): void {
    this.detach();
    this.registry.clear();
  }

  private register(instrument: Instrument): void {
    const { name, kind, description, attributes, constant = {}, buckets = [] } = instrument;
    const configuration = {
      name: prometheusName(instrument),
      help: description,
      labelNames: [...Object.keys(constant), ...attributes].map(underscored),
      registers: [this.registry],
    };
    if (kind === 'counter') {
      this.counters.set(name, new Counter(configuration));
    } else if (kind === 'gauge') {
      this.gauges.set(name, { gauge: new Gauge(configuration), isLabelled: configuration.labelNames.length > 0 });
    } else {
      this.histograms.set(name, new Histogram({ ...configuration, buckets: [...buckets] }));
    }
  }
}

/** The name as OpenTelemetry's exporters write it: with underscores for dots, the unit, and `_total` for counters. */
export function prometheusName({ name, kind, unit }: Instrument): string {
  return `${underscored(name)}${unit === 's' ? '_seconds' : ''}${kind === 'counter' ? '_total' : ''}`;
}

const underscored = (name: string): string => name.replaceAll('.', '_');

function labelsOf(attributes: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [underscored(name), value]));
}
