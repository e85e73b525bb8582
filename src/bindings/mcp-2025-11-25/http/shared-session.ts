import { z } from 'zod';
import type { Clock } from '../../../base/clock.js';
import type { Json } from '../../../base/json.js';
import type { Logger } from '../../../base/logger.js';
import type { Engine, Unwatch } from '../../../docket/engine/engine.js';
import type { SessionNews } from '../../../docket/engine/sessions.js';
import type { JSONRPCMessage } from '../../../protocol/json-rpc/messages.js';
import type { LoggingLevel } from '../../../protocol/types.js';
import { LoggingLevelSchema } from '@modelcontextprotocol/sdk/types.js';

/** How often at most a session in use is kept anew, in milliseconds, and how much longer than its idle time it is kept. */
const longestPause = 60_000;
const spareLife = 2 * longestPause;

/** What of a client's session every place that serves it needs to know. */
const SharedClient = z.object({
  /** The parameters of its `initialize`, with the version that was negotiated. */
  initialize: z.record(z.string(), z.unknown()),
  /** From which level up it is sent log lines. */
  level: LoggingLevelSchema.optional(),
});

export type SharedClient = z.infer<typeof SharedClient>;

/** What is kept of a session as this version writes it; undefined where another version wrote it. */
export function readSharedClient(client: Json): SharedClient | undefined {
  return SharedClient.safeParse(client).data;
}

/** What a session does with the news of other places. */
export interface SharedSessionHost {
  /** It was ended elsewhere. */
  ended(): void;
  changed(client: SharedClient): void;
  /** Its client sent this to another place. */
  received(message: JSONRPCMessage): void;
  /** Where messages go out that belong to no request is another place now, or none. */
  placed(): void;
  /** Whether there is a stream here on which they could go out. */
  readonly hasStream: boolean;
  /** They go out here, and the client may have missed how these tasks are; `served` where another place may have told it since this one did. */
  catchUp(tasks: readonly string[], served: boolean): Promise<void>;
}

/** One of the places that serve a session which any process may serve: what it says to the others, and hears from them. */
export class SharedSession {
  /** Where messages go out that belong to no request, as far as it is known here. */
  holder: 'nobody' | 'here' | 'elsewhere' = 'nobody';
  private client: SharedClient | undefined;
  private unserve: Unwatch | undefined;
  private keptAt = -Infinity;
  /** Whether another place may have told the client things since this one did. */
  private servedElsewhere = false;
  private stopped = false;

  constructor(
    private readonly engine: Engine,
    private readonly id: string,
    readonly place: string,
    /** How long the session is kept when nobody uses it, in milliseconds. */
    private readonly idleTimeout: number,
    private readonly clock: Clock,
    private readonly logger: Logger,
    private readonly host: SharedSessionHost,
  ) {}

  private get life(): number {
    return this.idleTimeout + spareLife;
  }

  /** Hears what the other places say. */
  async join(client?: SharedClient): Promise<void> {
    this.client = client;
    this.servedElsewhere = client !== undefined;
    this.unserve = await this.engine.sessions.serve(this.id, this.place, (news) => this.hear(news));
  }

  /** From now on other places can serve it. */
  async save(owner: string, client: SharedClient): Promise<void> {
    this.client = client;
    this.keptAt = this.clock.now();
    await this.engine.sessions.save(this.id, this.place, { owner, client: client as Json }, this.life);
  }

  /** It is in use here. `false` when it has ended meanwhile. */
  async used(): Promise<boolean> {
    const now = this.clock.now();
    if (this.client === undefined || now - this.keptAt < Math.min(longestPause, this.idleTimeout / 3)) return true;
    this.keptAt = now;
    try {
      return await this.engine.sessions.keep(this.id, this.place, this.life);
    } catch (error) {
      this.failed('kept', error);
      return true;
    }
  }

  /** Nobody has used it here for too long. Where nobody has elsewhere, it ends. */
  async unused(): Promise<void> {
    await this.engine.sessions.end(this.id, this.place).catch((error: unknown) => this.failed('ended', error));
  }

  /** The client ended it. */
  async end(): Promise<void> {
    await this.engine.sessions.end(this.id);
  }

  /** The client sent something that concerns another place. */
  passOn(message: JSONRPCMessage): void {
    this.engine.sessions.publish(this.id, this.place, message as Json).catch((error: unknown) => {
      this.failed('told of a message', error);
    });
  }

  /** The client chose which log lines it is sent. */
  changeLevel(level: LoggingLevel): void {
    if (this.client === undefined) return;
    this.client = { ...this.client, level };
    this.engine.sessions.change(this.id, this.place, this.client as Json).catch((error: unknown) => {
      this.failed('told of a log level', error);
    });
  }

  /** A stream opened on which messages can go out that belong to no request: from now on they do so here. */
  async hold(): Promise<void> {
    let tasks: readonly string[] = [];
    try {
      tasks = await this.engine.sessions.hold(this.id, this.place);
    } catch (error) {
      this.failed('held', error);
      // Better at two places than at none; which it is, is told once the engine can be reached.
      this.heard(this.place);
    }
    // Otherwise the others would wait for ever for what a place without a stream tells.
    if (this.stopped || !this.host.hasStream) return this.leave();
    // Another place may have it since.
    if (this.holder !== 'here') return;
    const served = this.servedElsewhere;
    this.servedElsewhere = false;
    try {
      await this.host.catchUp(tasks, served);
    } catch (error) {
      this.logger.warning('A client could not be told how its tasks are', { error });
    }
  }

  /** That stream ended. */
  async leave(): Promise<void> {
    if (this.holder === 'here') this.holder = 'nobody';
    this.host.placed();
    await this.engine.sessions.leave(this.id, this.place).catch((error: unknown) => this.failed('left', error));
  }

  /** It is not served here any more. */
  async stop(): Promise<void> {
    if (this.stopped) return;
    this.stopped = true;
    const held = this.holder === 'here';
    this.unserve?.();
    if (held) await this.leave();
  }

  private hear(news: SessionNews): void {
    switch (news.type) {
      case 'ended':
        return this.host.ended();
      case 'changed': {
        const client = readSharedClient(news.client);
        if (client === undefined) return;
        this.client = client;
        return this.host.changed(client);
      }
      case 'message':
        return this.host.received(news.message as unknown as JSONRPCMessage);
      case 'held':
        return this.heard(news.connection);
    }
  }

  private heard(place: string | undefined): void {
    // An older stream here serves again, when the newer one has gone.
    if (place === undefined && this.host.hasStream) return void this.hold();
    this.holder = place === undefined ? 'nobody' : place === this.place ? 'here' : 'elsewhere';
    if (this.holder === 'elsewhere') this.servedElsewhere = true;
    this.host.placed();
  }

  private failed(what: string, error: unknown): void {
    if (!this.stopped) this.logger.warning(`A session could not be ${what}`, { error });
  }
}
