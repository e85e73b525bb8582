import { RareLog } from '../base/rare-log.js';
import type { Generations } from '../bindings/generations.js';
import type { ServerHealth } from '../telemetry/health.js';
import type { FetchOptions } from '../transports/http/fetch.js';
import { BodyIntake } from '../transports/http/body-intake.js';
import type { HttpHandler } from '../transports/http/http-handler.js';
import { pageHeaders } from '../transports/http/http-options.js';
import type { HttpListener, ListenOptions } from '../transports/http/listen.js';
import type { ResolvedOptions } from './options.js';
import type { Closable } from './shutdown.js';

/** The server behind an {@link HttpSide}. */
export interface HttpServed {
  readonly bindings: Generations;
  /** Its open connections and endpoints. */
  readonly open: Set<Closable>;
  health(): Promise<ServerHealth>;
}

/** The listeners of a server and its `fetch`, with what they share. */
export class HttpSide {
  private readonly intake: BodyIntake;
  private readonly log: RareLog;
  private handler: HttpHandler | undefined;

  constructor(
    private readonly options: ResolvedOptions,
    private readonly server: HttpServed,
  ) {
    const { bodyBudget: budget, bodyTimeout: timeout } = options.http;
    this.intake = new BodyIntake({ budget, timeout }, options.clock);
    this.log = new RareLog(options.logger, options.clock);
  }

  async listen(options: ListenOptions): Promise<HttpListener> {
    const { listen } = await import('../transports/http/listen.js');
    const { clock, logger, grace, http, docket } = this.options;
    const { bindings, open } = this.server;
    const listener = await listen(options, {
      http,
      intake: this.intake,
      rareLog: this.log,
      docketHeaders: docket.headers,
      bodyTimeout: http.bodyTimeout,
      clock,
      logger,
      grace,
      endpoint: (mode, clients) => bindings.endpoint(mode, clients),
      onClosed: () => open.delete(listener),
      health: () => this.server.health(),
    });
    open.add(listener);
    return listener;
  }

  async fetch(request: Request, options: FetchOptions): Promise<Response> {
    const { answerFetch, createFetchHandler } = await import('../transports/http/fetch.js');
    const { http, docket, logger } = this.options;
    const shared = { intake: this.intake, log: this.log, allowedHeaders: pageHeaders(http, docket.headers) };
    this.handler ??= createFetchHandler(http, shared, logger, (mode, clients) => {
      const endpoint = this.server.bindings.endpoint(mode, clients);
      this.server.open.add(endpoint);
      return endpoint;
    });
    return answerFetch(this.handler, request, options);
  }
}
