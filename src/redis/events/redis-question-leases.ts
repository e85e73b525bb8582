import type { LeaseListener, LeaseHolder, QuestionLeases, LeaseResult } from '../../docket/engine/sessions.js';
import { nodeOf, type Presence } from './presence.js';
import { giveUpScript, receivedScript, showScript } from '../scripts/showings.js';
import type { Argument, Reply, Script } from '../scripts/script.js';

/** A place of this process. */
interface Attending {
  readonly listener: LeaseListener;
  /** Questions that other processes show; by key and name, what stops waiting for the end of those. */
  readonly refused: Map<string, () => void>;
}

/** What the showings need of their engine. */
export interface RedisQuestionLeasesHost {
  run(script: Script, ...args: readonly Argument[]): Promise<Reply>;
  readonly presence: Presence;
}

/** {@link QuestionLeases} of several processes: what a process that was killed showed is free once it gave no sign for long enough. */
export class RedisQuestionLeases implements QuestionLeases {
  private readonly places = new Map<string, Attending>();

  constructor(private readonly host: RedisQuestionLeasesHost) {}

  attend(place: string, listener: LeaseListener): () => void {
    const attending: Attending = { listener, refused: new Map() };
    this.places.set(place, attending);
    return () => {
      this.places.delete(place);
      attending.refused.forEach((stop) => stop());
    };
  }

  async acquire(
    key: string,
    question: string,
    { connection: place, session, waits, rests }: LeaseHolder,
  ): Promise<LeaseResult> {
    this.forget(place, key, question);
    this.host.presence.tookAgain(showing(place, key, question));
    const who = waits ? '1' : rests === true ? 'r' : '0';
    const reply = await this.host.run(showScript, key, question, place, who, session);
    const [status, detail, kept] = reply as readonly Reply[];
    if (status === 'elsewhere') this.waitForEndOf(String(detail), place, key, question);
    return {
      granted: status === 'granted',
      again: detail === '1',
      ...(typeof kept === 'string' && { kept: Number(kept) }),
    };
  }

  async received(key: string, question: string, session: string): Promise<void> {
    await this.host.run(receivedScript, key, question, session);
  }

  async release(key: string, question: string, place: string): Promise<void> {
    // What is not shown here only was waited for.
    if (this.forget(place, key, question)) return;
    await this.host.presence.giveUp(showing(place, key, question), () =>
      this.host.run(giveUpScript, key, question, place),
    );
  }

  /** An entry of the inbox that is about a place of this process. */
  take(entry: Readonly<Record<string, string>>): void {
    const { '@place': place = '', '@key': key = '', '@question': question = '', '@session': session = '' } = entry;
    this.places.get(place)?.listener.onLost(key, question, session);
  }

  private waitForEndOf(shows: string, place: string, key: string, question: string): void {
    const attending = this.places.get(place);
    const stop = this.host.presence.onGone(nodeOf(shows), () => {
      this.forget(place, key, question);
      attending?.listener.onAvailable(key, question);
    });
    attending?.refused.set(`${key} ${question}`, stop);
  }

  private forget(place: string, key: string, question: string): boolean {
    const refused = this.places.get(place)?.refused;
    refused?.get(`${key} ${question}`)?.();
    return refused?.delete(`${key} ${question}`) === true;
  }
}

const showing = (place: string, key: string, question: string): string => `showing ${place} ${key} ${question}`;
