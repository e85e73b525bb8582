import type { Json } from '../../base/json.js';
import type { Sealer } from './sealer.js';
import type { SessionNews, Sessions, StoredSession } from '../engine/sessions.js';
import type { OnError } from '../engine/watchers.js';

/** Sessions whose client data the engine sees only sealed. One that cannot be opened counts as not found. */
export class SealedSessions implements Sessions {
  constructor(
    private readonly sessions: Sessions,
    private readonly sealer: Sealer,
    /** Receives the errors of values that cannot be opened. */
    private readonly report: OnError,
  ) {}

  save(id: string, connection: string, { owner, client }: StoredSession, ttl: number): Promise<void> {
    return this.sessions.save(id, connection, { owner, client: this.seal(client, id, 'client') }, ttl);
  }

  async find(id: string): Promise<StoredSession | undefined> {
    const session = await this.sessions.find(id);
    const client = session && this.open(session.client, id, 'client');
    return session && client !== undefined ? { ...session, client } : undefined;
  }

  keep(id: string, connection: string, ttl: number): Promise<boolean> {
    return this.sessions.keep(id, connection, ttl);
  }

  change(id: string, connection: string, client: Json): Promise<void> {
    return this.sessions.change(id, connection, this.seal(client, id, 'client'));
  }

  end(id: string, lastUsedBy?: string): Promise<void> {
    return this.sessions.end(id, lastUsedBy);
  }

  serve(id: string, connection: string, listener: (news: SessionNews) => void): Promise<() => void> {
    return this.sessions.serve(id, connection, (news) => {
      const opened = this.openNews(id, news);
      if (opened) listener(opened);
    });
  }

  publish(id: string, connection: string, message: Json): Promise<void> {
    return this.sessions.publish(id, connection, this.seal(message, id, 'message'));
  }

  hold(id: string, connection: string): Promise<readonly string[]> {
    return this.sessions.hold(id, connection);
  }

  release(id: string, connection: string): Promise<void> {
    return this.sessions.release(id, connection);
  }

  openTasks(id: string): Promise<readonly string[]> {
    return this.sessions.openTasks(id);
  }

  private openNews(id: string, news: SessionNews): SessionNews | undefined {
    switch (news.type) {
      case 'changed': {
        const client = this.open(news.client, id, 'client');
        return client === undefined ? undefined : { ...news, client };
      }
      case 'message': {
        const message = this.open(news.message, id, 'message');
        return message === undefined ? undefined : { ...news, message };
      }
      default:
        return news;
    }
  }

  private seal(value: Json, id: string, part: string): string {
    return this.sealer.seal(value, { key: `session ${id}`, part });
  }

  private open(sealed: Json, id: string, part: string): Json | undefined {
    try {
      return this.sealer.open(sealed, { key: `session ${id}`, part });
    } catch (error) {
      this.report(error);
      return undefined;
    }
  }
}
