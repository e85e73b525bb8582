/** The position in a trace, to continue it in another process (W3C Trace Context). */
export interface TraceContext {
  readonly traceparent: string;
  readonly tracestate?: string;
}

/** The attributes of a span. Undefined ones are left out. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** Options of {@link Tracing.span}. */
export interface SpanOptions {
  readonly name: string;
  /** As in OpenTelemetry. A `consumer` never becomes a child of the span that happens to be active. */
  readonly kind: 'server' | 'client' | 'producer' | 'consumer';
  readonly attributes: SpanAttributes;
  /** The parent span, in another process. Default: the active span. */
  readonly parent?: TraceContext | undefined;
  /** The parent if there is no other; otherwise the span is only linked to it. */
  readonly about?: TraceContext | undefined;
}

/** A span that has not ended. */
export interface OpenSpan {
  /** Lets another process continue the trace from this span. */
  readonly context: TraceContext | undefined;
  set(attributes: SpanAttributes): void;
  /** Marks the span as failed. Errors that the work throws are recorded without this. */
  fail(type: string, message?: string): void;
}

/** Receives spans. */
export interface TraceSink {
  /** Runs `work` in a span that ends when the promise settles. */
  span<T>(options: SpanOptions, work: (span: OpenSpan) => Promise<T>): Promise<T>;
}

const noSpan: OpenSpan = { context: undefined, set: () => undefined, fail: () => undefined };

/** Passes a server's spans to a sink, if there is one. Costs next to nothing without one. */
export class Tracing {
  private sink: TraceSink | undefined;

  /** Whether there is a sink. */
  get isSeen(): boolean {
    return this.sink !== undefined;
  }

  /** Sets the sink. */
  attach(sink: TraceSink): void {
    this.sink = sink;
  }

  /** Runs `work` in a span. `options` is called only when there is a sink. */
  span<T>(options: () => SpanOptions, work: (span: OpenSpan) => Promise<T>): Promise<T> {
    return this.sink === undefined ? work(noSpan) : this.sink.span(options(), work);
  }
}
