import { z } from 'zod';
import type { Clock } from '../../../base/clock.js';
import type { Json } from '../../../base/json.js';
import type { Logger } from '../../../base/logger.js';
import type { Engine, Unwatch } from '../../../docket/engine/engine.js';
import type { SessionNews } from '../../../docket/engine/sessions.js';
import type { JSONRPCMessage } from '../../../protocol/json-rpc/messages.js';
import type { LoggingLevel } from '../../../protocol/types.js';
import { LoggingLevelSchema } from '@modelcontextprotocol/sdk/types.js';

/** The maximum interval at which a session in use is renewed, in milliseconds. */
const renewalInterval = 60_000;
/** How much longer than its idle time a session is stored, in milliseconds. */
const spareTime = 2 * renewalInterval;

/** The client of a session, for every connection that serves it. */
const SharedClient = z.object({
  /** The parameters of its `initialize`, with the negotiated version. */
  initialize: z.record(z.string(), z.unknown()),
  /** The minimum level of the log messages that it gets. */
  level: LoggingLevelSchema.optional(),
});

export type SharedClient = z.infer<typeof SharedClient>;

/** Reads the stored client of a session; undefined if another version of Errand wrote it. */
export function readSharedClient(client: Json): SharedClient | undefined {
  return SharedClient.safeParse(client).data;
}

/** The local side of a shared session. */
export interface SharedSessionHost {
  /** The session was ended elsewhere. */
  onEnded(): void;
  /** The client changed its settings on another connection. */
  onChanged(client: SharedClient): void;
  /** The client sent this to another connection. */
  onMessage(message: JSONRPCMessage): void;
  /** Another connection, or none, has the standalone stream now. */
  onHolderChanged(): void;
  /** Whether a standalone stream is open here. */
  readonly hasStream: boolean;
  /**
   * The standalone stream of the session is here, and the client may have missed news of these tasks. `servedElsewhere`:
   * another connection may have sent it some of them.
   */
  catchUp(tasks: readonly string[], servedElsewhere: boolean): Promise<void>;
}

/**
 * One connection's view of a session that any process may serve, and its messages to and from the other connections.
 */
export class SharedSession {
  /** Where the standalone stream of the session is, as far as this connection knows. */
  holder: 'nobody' | 'here' | 'elsewhere' = 'nobody';
  private client: SharedClient | undefined;
  private stopNews: Unwatch | undefined;
  private renewedAt = -Infinity;
  /** Whether another connection may have sent the client news since this one did. */
  private servedElsewhere = false;
  private stopped = false;

  constructor(
    private readonly engine: Engine,
    private readonly id: string,
    readonly connectionId: string,
    /** How long the session is kept while unused, in milliseconds. */
    private readonly idleTimeout: number,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly host: SharedSessionHost,
  ) {}

  private get retention(): number {
    return this.idleTimeout + spareTime;
  }

  /** From now on, receives the news of the other connections. */
  async join(client?: SharedClient): Promise<void> {
    this.client = client;
    this.servedElsewhere = client !== undefined;
    this.stopNews = await this.engine.sessions.serve(this.id, this.connectionId, (news) => this.onNews(news));
  }

  /** Stores the session, so that others can serve it. */
  async save(owner: string, client: SharedClient): Promise<void> {
    this.client = client;
    this.renewedAt = this.clock.now();
    await this.engine.sessions.save(this.id, this.connectionId, { owner, client: client as Json }, this.retention);
  }

  /** Marks the session as in use here. Resolves with `false` if it has ended in the meantime. */
  async keepAlive(): Promise<boolean> {
    const now = this.clock.now();
    if (this.client === undefined || now - this.renewedAt < Math.min(renewalInterval, this.idleTimeout / 3)) {
      return true;
    }
    this.renewedAt = now;
    try {
      return await this.engine.sessions.keep(this.id, this.connectionId, this.retention);
    } catch (error) {
      this.logFailure('A session could not be renewed', error);
      return true;
    }
  }

  /** It was unused here for too long. Ends it, if it is unused elsewhere as well. */
  async expire(): Promise<void> {
    await this.engine.sessions
      .end(this.id, this.connectionId)
      .catch((error: unknown) => this.logFailure('A session could not be ended', error));
  }

  /** Ends the session everywhere. */
  async end(): Promise<void> {
    await this.engine.sessions.end(this.id);
  }

  /** Forwards a message of the client that concerns another connection. */
  forward(message: JSONRPCMessage): void {
    this.engine.sessions.publish(this.id, this.connectionId, message as Json).catch((error: unknown) => {
      this.logFailure('A message could not be forwarded within its session', error);
    });
  }

  /** The client set its log level. */
  changeLevel(level: LoggingLevel): void {
    if (this.client === undefined) return;
    this.client = { ...this.client, level };
    this.engine.sessions.change(this.id, this.connectionId, this.client as Json).catch((error: unknown) => {
      this.logFailure('A log level could not be shared within its session', error);
    });
  }

  /** A standalone stream opened here: from now on the messages that belong to no request go out on it. */
  async holdStream(): Promise<void> {
    let tasks: readonly string[] = [];
    try {
      tasks = await this.engine.sessions.hold(this.id, this.connectionId);
    } catch (error) {
      this.logFailure('The standalone stream of a session could not be held', error);
      // Better two connections than none. The engine reports the holder once it can be reached.
      this.onHolder(this.connectionId);
    }
    // A holder without a stream would leave the others silent forever.
    if (this.stopped || !this.host.hasStream) return this.releaseStream();
    // Another connection may hold it by now.
    if (this.holder !== 'here') return;
    const { servedElsewhere } = this;
    this.servedElsewhere = false;
    try {
      await this.host.catchUp(tasks, servedElsewhere);
    } catch (error) {
      this.logger.warning('A client could not be brought up to date on its tasks', { error });
    }
  }

  /** The standalone stream here ended. */
  async releaseStream(): Promise<void> {
    if (this.holder === 'here') this.holder = 'nobody';
    this.host.onHolderChanged();
    await this.engine.sessions
      .release(this.id, this.connectionId)
      .catch((error: unknown) => this.logFailure('The standalone stream of a session could not be released', error));
  }

  /** Stops serving the session here. */
  async stop(): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    const wasHolder = this.holder === 'here';
    this.stopNews?.();
    if (wasHolder) await this.releaseStream();
  }

  private onNews(news: SessionNews): void {
    switch (news.type) {
      case 'ended':
        return this.host.onEnded();
      case 'changed': {
        const client = readSharedClient(news.client);
        if (client === undefined) return;
        this.client = client;
        return this.host.onChanged(client);
      }
      case 'message':
        return this.host.onMessage(news.message as unknown as JSONRPCMessage);
      case 'held':
        return this.onHolder(news.connection);
    }
  }

  private onHolder(connectionId: string | undefined): void {
    // The newer stream has gone, so an older one here takes over again.
    if (connectionId === undefined && this.host.hasStream) return void this.holdStream();
    this.holder = connectionId === undefined ? 'nobody' : connectionId === this.connectionId ? 'here' : 'elsewhere';
    if (this.holder === 'elsewhere') this.servedElsewhere = true;
    this.host.onHolderChanged();
  }

  private logFailure(message: string, error: unknown): void {
    if (!this.stopped) this.logger.warning(message, { error });
  }
}
