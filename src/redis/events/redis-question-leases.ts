import type { LeaseListener, LeaseHolder, QuestionLeases, LeaseResult } from '../../docket/engine/sessions.js';
import type { Inbox } from './inbox.js';
import { nodeOf, type Presence } from './presence.js';
import type { Reply } from '../connection/script-runner.js';
import type { Commands } from '../connection/commands.js';
import { lua } from '../lua/bundle.js';

/** A connection of this process that asks for leases. */
interface Attendee {
  readonly listener: LeaseListener;
  /** Questions leased to other processes, by key and name, each with a function that stops waiting for that process to die. */
  readonly refused: Map<string, () => void>;
}

/** {@link QuestionLeases} across processes. The leases of a killed process expire when its heartbeat does. */
export class RedisQuestionLeases implements QuestionLeases {
  private readonly attendees = new Map<string, Attendee>();

  constructor(
    private readonly commands: Commands,
    private readonly presence: Presence,
    inbox: Inbox,
  ) {
    inbox.on('taken', (message) => this.receive(message));
  }

  attend(connection: string, listener: LeaseListener): () => void {
    const attendee: Attendee = { listener, refused: new Map() };
    this.attendees.set(connection, attendee);
    return () => {
      this.attendees.delete(connection);
      attendee.refused.forEach((stop) => stop());
    };
  }

  async acquire(
    key: string,
    question: string,
    { connection, session, waits, rests }: LeaseHolder,
  ): Promise<LeaseResult> {
    this.forget(connection, key, question);
    this.presence.acquiredAgain(leaseName(connection, key, question));
    const waiting = waits ? '1' : rests === true ? 'r' : '0';
    const reply = await this.commands.run(lua.questions.acquireLease, key, question, connection, waiting, session);
    const [status, detail, kept] = reply as readonly Reply[];
    if (status === 'elsewhere') this.waitForEndOf(String(detail), connection, key, question);
    return {
      granted: status === 'granted',
      again: detail === '1',
      ...(typeof kept === 'string' && { kept: Number(kept) }),
    };
  }

  async acknowledge(key: string, question: string, session: string): Promise<void> {
    await this.commands.run(lua.questions.acknowledgeLease, key, question, session);
  }

  async release(key: string, question: string, connection: string): Promise<void> {
    // A connection that was refused holds no lease.
    if (this.forget(connection, key, question)) return;
    await this.presence.release(leaseName(connection, key, question), () =>
      this.commands.run(lua.questions.releaseLease, key, question, connection),
    );
  }

  /** Another process has taken over a lease of this one. */
  private receive(message: Readonly<Record<string, string>>): void {
    const {
      '@place': connection = '',
      '@key': key = '',
      '@question': question = '',
      '@session': session = '',
    } = message;
    this.attendees.get(connection)?.listener.onLost(key, question, session);
  }

  private waitForEndOf(holder: string, connection: string, key: string, question: string): void {
    const attendee = this.attendees.get(connection);
    const stop = this.presence.onGone(nodeOf(holder), () => {
      this.forget(connection, key, question);
      attendee?.listener.onAvailable(key, question);
    });
    attendee?.refused.set(`${key} ${question}`, stop);
  }

  private forget(connection: string, key: string, question: string): boolean {
    const refused = this.attendees.get(connection)?.refused;
    refused?.get(`${key} ${question}`)?.();
    return refused?.delete(`${key} ${question}`) === true;
  }
}

const leaseName = (connection: string, key: string, question: string): string =>
  `lease ${connection} ${key} ${question}`;
