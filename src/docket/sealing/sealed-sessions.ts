import type { Json } from '../../base/json.js';
import type { Sealer } from './sealer.js';
import type { SessionNews, Sessions, StoredSession } from '../engine/sessions.js';
import type { OnError } from '../engine/watchers.js';

/** Sessions of which an engine never sees what their clients say. One that cannot be opened is none. */
export class SealedSessions implements Sessions {
  constructor(
    private readonly sessions: Sessions,
    private readonly sealer: Sealer,
    /** Takes what could not be opened. */
    private readonly report: OnError,
  ) {}

  save(id: string, place: string, { owner, client }: StoredSession, life: number): Promise<void> {
    return this.sessions.save(id, place, { owner, client: this.seal(client, id, 'client') }, life);
  }

  async find(id: string): Promise<StoredSession | undefined> {
    const session = await this.sessions.find(id);
    const client = session && this.open(session.client, id, 'client');
    return session && client !== undefined ? { ...session, client } : undefined;
  }

  keep(id: string, place: string, life: number): Promise<boolean> {
    return this.sessions.keep(id, place, life);
  }

  change(id: string, place: string, client: Json): Promise<void> {
    return this.sessions.change(id, place, this.seal(client, id, 'client'));
  }

  end(id: string, unusedBut?: string): Promise<void> {
    return this.sessions.end(id, unusedBut);
  }

  serve(id: string, place: string, listener: (news: SessionNews) => void): Promise<() => void> {
    return this.sessions.serve(id, place, (news) => {
      const opened = this.openNews(id, news);
      if (opened) listener(opened);
    });
  }

  tell(id: string, place: string, message: Json): Promise<void> {
    return this.sessions.tell(id, place, this.seal(message, id, 'message'));
  }

  hold(id: string, place: string): Promise<readonly string[]> {
    return this.sessions.hold(id, place);
  }

  leave(id: string, place: string): Promise<void> {
    return this.sessions.leave(id, place);
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
