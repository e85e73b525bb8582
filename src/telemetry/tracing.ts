/** Where a trace goes on in another process, as W3C Trace Context writes it. */
export interface TraceContext {
  readonly traceparent: string;
  readonly tracestate?: string;
}

/** What a span says besides its name. What is undefined is left out. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean | undefined>>;

/** How a span begins. */
export interface SpanOptions {
  readonly name: string;
  /** By the roles of OpenTelemetry. A `consumer` is never part of what happens to run around it. */
  readonly kind: 'server' | 'client' | 'producer' | 'consumer';
  readonly attributes: SpanAttributes;
  /** What it is a part of, in another process. Default: the span in which it begins. */
  readonly parent?: TraceContext | undefined;
  /** What it is a part of where nothing else is known, and linked with otherwise. */
  readonly about?: TraceContext | undefined;
}

/** A span under way. */
export interface OpenSpan {
  /** How another process goes on from here. */
  readonly context: TraceContext | undefined;
  set(attributes: SpanAttributes): void;
  /** It went wrong. What its work throws is noted without this. */
  fail(type: string, message?: string): void;
}

/** Takes spans. */
export interface TraceSink {
  /** Runs `work` in a span that ends when the promise settles. */
  span<T>(options: SpanOptions, work: (span: OpenSpan) => Promise<T>): Promise<T>;
}

const unseen: OpenSpan = { context: undefined, set: () => undefined, fail: () => undefined };

/** The spans of a server, for whoever wants to see them; without a sink they cost next to nothing. */
export class Tracing {
  private sink: TraceSink | undefined;

  /** Whether somebody wants to see them. */
  get isSeen(): boolean {
    return this.sink !== undefined;
  }

  /** Hands on everything from now on. */
  attach(sink: TraceSink): void {
    this.sink = sink;
  }

  /** Runs `work` in a span. `options` is asked only where somebody wants to see it. */
  span<T>(options: () => SpanOptions, work: (span: OpenSpan) => Promise<T>): Promise<T> {
    return this.sink === undefined ? work(unseen) : this.sink.span(options(), work);
  }
}
