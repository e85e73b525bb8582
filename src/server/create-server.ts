import { ErrandError, withoutPassword } from '../base/errors.js';
import type { Core } from '../bindings/core.js';
import type { BoundConnection } from '../bindings/binding.js';
import type { Generations } from '../bindings/generations.js';
import type { CallFrame } from '../call/frame.js';
import { Catalog } from '../components/catalog.js';
import type { ComponentEntry } from '../components/component-entry.js';
import { Docket, type DocketHost } from '../docket/docket.js';
import type { DocketClient } from '../docket/docket-client.js';
import { toExternalContainer } from '../injection/external.js';
import { Injector } from '../injection/injector.js';
import type { Transport } from '../protocol/transport.js';
import type { ToolMap } from '../protocol/types.js';
import type { Background, RunningWorker, WorkerOptions, WorkOptions } from './background.js';
import { builtIns, CurrentServer } from './built-ins.js';
import type { ServerHealth } from '../telemetry/health.js';
import type { FetchOptions } from '../transports/http/fetch.js';
import type { HttpListener, ListenOptions } from '../transports/http/listen.js';
import type { Monitor, MonitorOptions } from './telemetry/monitor.js';
import { contractOf, processContract, type ProcessContract } from './process-contract.js';
import type { ServerDocketOptions } from '../redis/open-docket.js';
import { resolveOptions, snapshotRules, type ResolvedOptions, type ServerOptions } from './options.js';
import type { HttpSide } from './http-side.js';
import { closed, coreOf, isPlain } from './core.js';
import { derivedOptions, overridesOf, type WithOptions } from './derived.js';
import { runOnClose, runOnStart } from './hooks.js';
import type { ServedTools } from './served-tools.js';
import { closeSingletons, endCalls, type Closable } from './shutdown.js';

/**
 * Creates a server from components and providers. Checks everything that can be checked without running anything, and
 * starts nothing: no provider is built and no worker runs before the first client connects or the first execution is added.
 *
 * @throws {ErrandError} for the first thing that cannot work, with its path.
 *
 * @example
 * ```ts
 * import { createServer, tool } from 'errand';
 *
 * class Greetings {
 *   @tool({ description: 'Say hello' })
 *   hello() {
 *     return 'Hello!';
 *   }
 * }
 *
 * export default createServer({ name: 'greetings', version: '1.0.0', components: [Greetings] });
 * ```
 */
export function createServer<const Components extends readonly ComponentEntry[]>(
  options: ServerOptions<Components>,
): ErrandServer<ServedTools<Components>> {
  const resolved = resolveOptions(options, process.env);
  return new ErrandServer<ServedTools<Components>>(resolved, (builtIns) => {
    const external = toExternalContainer(resolved.container);
    return new Injector<CallFrame>({ providers: resolved.providers, builtIns, isPlain, ...(external && { external }) });
  });
}

type BuiltInTable = ReturnType<typeof builtIns>;

/**
 * A server, made by {@link createServer}: connect clients, listen for them, close it. `Tools` are the types of its tools, for
 * typed clients; `ErrandServer` alone stands for any server.
 */
export class ErrandServer<out Tools extends ToolMap = ToolMap> extends CurrentServer {
  /** Exists only for the compiler: the types of the server, for typed clients. */
  declare readonly types: {
    /** Its tools, by name. */
    readonly tools: Tools;
  };
  /** The name that clients see. */
  readonly name: string;
  /** The version that clients see. */
  readonly version: string;
  /** The server's own docket. Executions added here belong to the principal `anonymous`. */
  readonly docket: Docket;
  private readonly injector: Injector<CallFrame>;
  private readonly catalog: Catalog<CallFrame>;
  /** The open connections and endpoints. */
  private readonly open = new Set<Closable>();
  /** They stay to the very end, to report that the server is closing. */
  private readonly monitors = new Set<Monitor>();
  private started: Promise<Core> | undefined;
  private bindings: Generations | undefined;
  private http: HttpSide | undefined;
  /** Made only once, however often starting is attempted. */
  private observed: Promise<() => void> | undefined;
  private isReady = false;
  private background: Background | undefined;
  private closing: Promise<void> | undefined;

  /** @internal */
  constructor(
    private options: ResolvedOptions,
    makeInjector: (builtIns: BuiltInTable) => Injector<CallFrame>,
  ) {
    super();
    const { name, version, components, tasks, timeout, logger } = options;
    this.name = name;
    this.version = version;
    const docketHost = this.docketHost();
    this.docket = new Docket(docketHost);
    this.injector = makeInjector(builtIns(this, docketHost, logger));
    this.catalog = new Catalog(components, this.injector, { task: tasks, timeout });
  }

  /**
   * Serves one client over a transport of the MCP SDK, until either side closes it. For HTTP prefer
   * {@link ErrandServer.listen}, which knows whether a client still reads the stream of a question.
   *
   * @throws {ErrandError} `SERVER_CLOSED`; also any error of a provider that is built now.
   */
  async connect(transport: Transport): Promise<void> {
    const bindings = await this.serve();
    const onClosed = (closed: BoundConnection): void => void this.open.delete(closed);
    const connection = await bindings.connect(transport, onClosed);
    this.open.add(connection);
    await this.refuseIfClosing(connection);
  }

  /**
   * Serves the client on stdin and stdout, and closes the server when the client is gone: running calls get half of the
   * grace to finish, and the client the other half to read its answers. Then this resolves, so that the process may
   * exit. Meanwhile `console` writes to stderr, because stdout belongs to the protocol.
   */
  async serveStdio(): Promise<void> {
    const { serveStdio } = await import('./stdio.js');
    await serveStdio(this, { ...this.options, ...this.options.stdio });
  }

  /**
   * Serves over Streamable HTTP. Binds to 127.0.0.1 by default, and answers only requests with an expected Host and
   * Origin.
   *
   * @throws {ErrandError} `LISTEN_REFUSED` if the address is taken, or other machines can reach it and `allowedHosts` is
   * missing; `OPTIONS_INVALID`, `SERVER_CLOSED`.
   */
  async listen(options: ListenOptions = {}): Promise<HttpListener> {
    const listener = await (await this.serveHttp()).listen(options);
    await this.refuseIfClosing(listener);
    return listener;
  }

  /**
   * Answers one web request, for hosts that speak `fetch`: Hono, Bun, Deno, Workers. Host and Origin must be expected, as
   * set by `http` of `createServer`; routing is up to the host. The sender is identified by `auth` alone. The function is
   * bound to the server, so it can be passed on its own.
   *
   * Bun serves any default export that has `fetch`: `bun server.ts` listens on port 3000.
   *
   * @throws {ErrandError} `SERVER_CLOSED`; `OPTIONS_INVALID` if `auth` is not a verified access token.
   *
   * @example
   * ```ts
   * import { createServer } from 'errand';
   *
   * const server = createServer({ name: 'reports', version: '1.0.0', components: [], http: { allowedHosts: ['example.com'] } });
   *
   * export const handle = (request: Request) => server.fetch(request);
   * ```
   */
  readonly fetch = async (request: Request, options: FetchOptions = {}): Promise<Response> =>
    (await this.serveHttp()).fetch(request, options);

  /**
   * Derives a server with other providers or component classes, for tests. This one stays as it is. The derived server has
   * a docket and a worker of its own, so that no other worker can take its tasks.
   *
   * @throws {ErrandError} `OVERRIDE_UNKNOWN` for a token that this server does not provide, `OPTIONS_INVALID`.
   */
  with(options: WithOptions): ErrandServer<Tools> {
    const override = overridesOf(options);
    return new ErrandServer<Tools>(derivedOptions(this.options), (builtIns) => this.injector.with(override, builtIns));
  }

  /**
   * Starts a worker in this process, for servers whose embedded worker is off.
   *
   * @throws {ErrandError} `DOCKET_UNAVAILABLE` if no component runs in the background; `OPTIONS_INVALID`, `SERVER_CLOSED`.
   */
  async startWorker(options?: WorkerOptions): Promise<RunningWorker> {
    await this.start();
    return this.requireBackground().startWorkerByHand(options);
  }

  /**
   * Makes this process a worker of the server's docket on Redis, as `errand worker` does: no embedded worker runs beside it,
   * whatever `docket.worker` says, and another process serves the clients. Call it before anything else starts the server,
   * and call {@link ErrandServer.close} at the end. Rejects when the worker cannot start; an outage later ends nothing.
   *
   * @throws {ErrandError} `SERVER_FILE` if the server has already started, `DOCKET_URL` for a docket in memory,
   * `DOCKET_TLS`, `DOCKET_PEER`, `DOCKET_UNAVAILABLE` (also if no component runs in the background), `LISTEN_REFUSED` for the port of `monitor`,
   * `OPTIONS_INVALID`, `SERVER_CLOSED`.
   */
  async work({
    docketUrl: url = this.options.docket.url,
    monitor,
    ...worker
  }: WorkOptions = {}): Promise<RunningWorker> {
    if (this.isClosing) throw closed(this.name);
    if (this.started !== undefined) {
      throw new ErrandError(
        'SERVER_FILE',
        `The server '${this.name}' has started already. Call work() first; a file for errand worker must only export its server.`,
      );
    }
    if (url.startsWith('memory:')) {
      throw new ErrandError(
        'DOCKET_URL',
        `The docket of '${this.name}' is ${withoutPassword(url)}: it lives in the process that serves the clients, and no other can take work from it. Name a Redis by --docket-url, ERRAND_DOCKET_URL or docket.url.`,
      );
    }
    this.options = { ...this.options, onlyWorks: true, docket: { ...this.options.docket, url, worker: false } };
    // First, so that a port in use ends the worker before it takes any work.
    if (monitor !== undefined) await this.monitor(monitor);
    await this.start();
    return this.requireBackground().startWorkerByHand(worker, 'work');
  }

  /**
   * Opens the server's docket on Redis for operators, with its TLS settings and encryption keys. Starts nothing else;
   * close what it returns. See `openDocket` of `errand/redis`, which needs no server.
   *
   * @throws {ErrandError} `DOCKET_URL`, also for a docket in memory, `DOCKET_TLS`, `DOCKET_PEER`, `DOCKET_UNAVAILABLE`,
   * `OPTIONS_INVALID`.
   */
  async openDocket({ url, name, ...reports }: ServerDocketOptions = {}): Promise<DocketClient> {
    const { openResolvedDocket } = await import('../redis/open-docket.js');
    const { docket, docketCa: caFile } = this.options;
    const { tls, encryptionKeys: keys, limits } = docket;
    const address = { url: url ?? docket.url, name: name ?? docket.name ?? this.name };
    return openResolvedDocket({ ...address, tls, caFile, keys, limits, ...reports });
  }

  /** Whether the server is ready: it is not closing, and its docket takes executions. Starts nothing. */
  async health(): Promise<ServerHealth> {
    if (this.isClosing) return { status: 'draining', reason: 'The server is closing.' };
    if (!this.isReady) return { status: 'starting', reason: 'The server has not started.' };
    return this.background?.health() ?? { status: 'ok' };
  }

  /**
   * Serves health and metrics on a port of their own, until the server has closed: `/healthz` (200 or 503, by
   * {@link ErrandServer.health}), `/livez` (200 as long as the process responds) and `/metrics` for Prometheus, which
   * counts from now on. Starts nothing else.
   *
   * @throws {ErrandError} `LISTEN_REFUSED` if the address is taken; `OPTIONS_INVALID`, `SERVER_CLOSED`.
   */
  async monitor(options: MonitorOptions = {}): Promise<Monitor> {
    const { openMonitor } = await import('./telemetry/monitor.js');
    const { meters, logger, grace, clock } = this.options;
    const opened = await openMonitor(options, { meters, logger, grace, clock, health: () => this.health() });
    const monitor: Monitor = {
      ...opened,
      close: () => {
        this.monitors.delete(monitor);
        return opened.close();
      },
    };
    this.monitors.add(monitor);
    logger.info('Serving health and metrics', { url: monitor.url });
    await this.refuseIfClosing(monitor);
    return monitor;
  }

  /**
   * Closes everything in order: refuses new calls, releases background runs, lets foreground calls finish for half of the
   * grace and ends the rest, lets clients read their answers for the other half, disposes the singletons in reverse order,
   * closes the engine. Calls and their answers take no longer than the grace, and neither do the singletons. Safe to call
   * twice.
   */
  close(): Promise<void> {
    return (this.closing ??= this.shutDown());
  }

  /** @internal */
  get [processContract](): ProcessContract {
    return contractOf(this.options);
  }

  private get isClosing(): boolean {
    return this.closing !== undefined;
  }

  /** Closes again what was opened while the server was closing. */
  private async refuseIfClosing(opened: { close(): Promise<void> }): Promise<void> {
    if (!this.isClosing) return;
    await opened.close();
    throw closed(this.name);
  }

  /** Starts the server for clients. */
  private async serve(): Promise<Generations> {
    const core = await this.start();
    this.background?.warnOfNoWorker();
    const { Generations } = await import('../bindings/generations.js');
    return (this.bindings ??= new Generations(core));
  }

  private async serveHttp(): Promise<HttpSide> {
    const { HttpSide } = await import('./http-side.js');
    const bindings = await this.serve();
    return (this.http ??= new HttpSide(this.options, { bindings, open: this.open, health: () => this.health() }));
  }

  /** Starts the server. A start that failed can be tried again. */
  private start(): Promise<Core> {
    if (this.isClosing) return Promise.reject(closed(this.name));
    this.started ??= this.makeReady().catch((error: unknown) => {
      this.started = undefined;
      throw error;
    });
    return this.started;
  }

  private async makeReady(): Promise<Core> {
    const { options, catalog } = this;
    await (this.observed ??= import('./telemetry/open-telemetry.js').then(({ attachOpenTelemetry }) =>
      attachOpenTelemetry(options.tracing, options.meters),
    ));
    await this.injector.start();
    if (catalog.hasBackground) {
      const { Background } = await import('./background.js');
      this.background ??= await Background.start(options, catalog, () => this.open.size > 0);
    }
    await runOnStart(options, this);
    this.background?.startEmbedded();
    this.isReady = true;
    return coreOf(options, catalog, this.background?.engine);
  }

  private docketHost(): DocketHost {
    const { options } = this;
    let adding: ReturnType<DocketHost['adding']> | undefined;
    return {
      // Kept, since each import() costs about as much as the rest of an addition.
      adding: () => (adding ??= import('../docket/adding.js')),
      catalog: () => this.catalog,
      meters: options.meters,
      tracing: options.tracing,
      ttl: options.docket.ttl,
      limits: options.docket.limits,
      snapshots: snapshotRules(options),
      engine: async () => {
        // A call may still add executions while the server drains.
        if (this.background === undefined && (this.catalog.hasBackground || this.isClosing)) await this.start();
        return this.requireBackground().engine;
      },
    };
  }

  private requireBackground(): Background {
    if (this.background !== undefined) return this.background;
    throw new ErrandError(
      'DOCKET_UNAVAILABLE',
      `The server '${this.name}' has no component that runs in the background, so it has no docket. Add a job, or set \`task\` on a tool.`,
    );
  }

  private async shutDown(): Promise<void> {
    const { options, open } = this;
    // At once, so that no connection takes another call while the workers release their runs.
    const drained = [...open].map((each) => each.drain());
    await this.started?.catch(() => undefined);
    await endCalls(Promise.all([...drained, this.background?.stopWorkers()]), open, options);
    try {
      if (this.isReady) await runOnClose(options, this);
    } finally {
      await this.release();
    }
  }

  private async release(): Promise<void> {
    try {
      await closeSingletons(this.injector, this.options);
    } finally {
      const engine = this.background?.engine.close();
      await Promise.allSettled([engine]);
      (await this.observed)?.();
      await Promise.all([...this.monitors].map((monitor) => monitor.close()));
      await engine;
    }
  }
}
