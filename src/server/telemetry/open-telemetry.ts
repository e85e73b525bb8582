import type * as Api from '@opentelemetry/api';
import { ErrandError, messageOf } from '../../base/errors.js';
import { instruments, type Instrument } from '../../telemetry/instruments.js';
import type { Meters, MeterSink } from '../../telemetry/meters.js';
import type {
  OpenSpan,
  SpanAttributes,
  SpanOptions,
  TraceContext,
  TraceSink,
  Tracing,
} from '../../telemetry/tracing.js';

/** Instrumentation scope of all spans and measurements. */
const scope = 'errand';

/**
 * Connects spans and measurements to the OpenTelemetry SDK that the program registered before the server starts. Without one,
 * or without `@opentelemetry/api`, nothing is recorded and nothing costs time. Returns a function that removes the gauge
 * callbacks, which the SDK would otherwise keep as long as the process lives.
 */
export async function attachOpenTelemetry(tracing: Tracing, meters: Meters): Promise<() => void> {
  const nothing = (): void => undefined;
  const api = await import('@opentelemetry/api').catch(() => undefined);
  if (api === undefined) return nothing;
  if (takesSpans(api)) tracing.attach(new OpenTelemetrySpans(api));
  const meter = api.metrics.getMeter(scope);
  if (meter === api.createNoopMeter()) return nothing;
  meters.attach(new OpenTelemetryMeters(meter));
  return observeGauges(meter, meters);
}

/** Without a registered SDK, the provider is a proxy that delegates to nothing. */
function takesSpans({ trace }: typeof Api): boolean {
  const provider: object = trace.getTracerProvider();
  if (!('getDelegateTracer' in provider)) return true;
  return (provider as { getDelegateTracer(name: string): unknown }).getDelegateTracer(scope) !== undefined;
}

/** Records spans with OpenTelemetry. */
class OpenTelemetrySpans implements TraceSink {
  private readonly tracer: Api.Tracer;

  constructor(private readonly api: typeof Api) {
    this.tracer = api.trace.getTracer(scope);
  }

  span<T>(options: SpanOptions, run: (span: OpenSpan) => Promise<T>): Promise<T> {
    const { context, trace, SpanKind } = this.api;
    const kind = SpanKind[options.kind.toUpperCase() as keyof typeof SpanKind];
    const { parent, links } = this.parentAndLinks(options);
    const span = this.tracer.startSpan(options.name, { kind, links, attributes: defined(options.attributes) }, parent);
    const within = trace.setSpan(parent, span);
    const open: OpenSpan = {
      context: this.written(within),
      set: (attributes) => void span.setAttributes(defined(attributes)),
      fail: (type, message) => this.fail(span, type, message),
    };
    return context.with(within, async () => {
      try {
        return await run(open);
      } catch (error) {
        this.fail(span, typeOf(error), messageOf(error));
        throw error;
      } finally {
        span.end();
      }
    });
  }

  /** The parent of a span, and its links to other spans. */
  private parentAndLinks({ kind, parent, about }: SpanOptions): { parent: Api.Context; links: Api.Link[] } {
    const { context, trace, ROOT_CONTEXT } = this.api;
    // The active context of a worker is that of whatever started it, which has nothing to do with its executions.
    const around = kind === 'consumer' ? ROOT_CONTEXT : context.active();
    const contexts = [this.read(parent), trace.getSpan(around) && around, this.read(about)].filter(
      (linked): linked is Api.Context => linked !== undefined,
    );
    const links = contexts.slice(1).flatMap((linked) => {
      const spanContext = trace.getSpanContext(linked);
      return spanContext === undefined ? [] : [{ context: spanContext }];
    });
    return { parent: contexts[0] ?? around, links };
  }

  private read(carrier: TraceContext | undefined): Api.Context | undefined {
    const { propagation, trace, ROOT_CONTEXT } = this.api;
    if (carrier === undefined) return undefined;
    const read = propagation.extract(ROOT_CONTEXT, carrier);
    return trace.getSpanContext(read) && read;
  }

  private written(context: Api.Context): TraceContext | undefined {
    const carrier: { traceparent?: string; tracestate?: string } = {};
    this.api.propagation.inject(context, carrier);
    const { traceparent, tracestate } = carrier;
    return traceparent === undefined ? undefined : { traceparent, ...(tracestate !== undefined && { tracestate }) };
  }

  private fail(span: Api.Span, type: string, message: string | undefined): void {
    span.setAttribute('error.type', type);
    span.setStatus({ code: this.api.SpanStatusCode.ERROR, ...(message !== undefined && { message }) });
  }
}

/** Records counters and histograms with OpenTelemetry. Each instrument is created on first use. */
class OpenTelemetryMeters implements MeterSink {
  private readonly made = new Map<Instrument, (value: number, attributes: Readonly<Record<string, string>>) => void>();

  constructor(private readonly meter: Api.Meter) {}

  record(instrument: Instrument, value: number, attributes: Readonly<Record<string, string>>): void {
    let record = this.made.get(instrument);
    if (record === undefined) {
      record = this.make(instrument);
      this.made.set(instrument, record);
    }
    record(value, attributes);
  }

  private make({ name, kind, unit, description, buckets }: Instrument) {
    if (kind === 'counter') {
      const counter = this.meter.createCounter(name, { unit, description });
      return (value: number, attributes: Readonly<Record<string, string>>) => counter.add(value, attributes);
    }
    const advice = { ...(buckets !== undefined && { explicitBucketBoundaries: [...buckets] }) };
    const histogram = this.meter.createHistogram(name, { unit, description, advice });
    return (value: number, attributes: Readonly<Record<string, string>>) => histogram.record(value, attributes);
  }
}

/** Reads all gauges together, whenever the SDK collects, until the returned function is called. */
function observeGauges(meter: Api.Meter, meters: Meters): () => void {
  const gauges = new Map<string, Api.ObservableGauge>();
  for (const { name, kind, unit, description } of Object.values(instruments)) {
    if (kind === 'gauge') gauges.set(name, meter.createObservableGauge(name, { unit, description }));
  }
  const read = async (observed: Api.BatchObservableResult): Promise<void> => {
    for (const { instrument, value, attributes } of await meters.readings()) {
      const gauge = gauges.get(instrument.name);
      if (gauge !== undefined) observed.observe(gauge, value, attributes);
    }
  };
  const observables = [...gauges.values()];
  meter.addBatchObservableCallback(read, observables);
  return () => meter.removeBatchObservableCallback(read, observables);
}

/** The `error.type` of an error, which must have low cardinality. */
function typeOf(error: unknown): string {
  if (ErrandError.is(error)) return error.code;
  const { code, name } = (error ?? {}) as { readonly code?: unknown; readonly name?: unknown };
  return typeof code === 'number' ? String(code) : typeof name === 'string' ? name : '_OTHER';
}

const defined = (attributes: SpanAttributes): Api.Attributes =>
  Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== undefined));
