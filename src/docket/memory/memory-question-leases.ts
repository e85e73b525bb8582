import type { StoredExecution, Lease } from './stored-execution.js';
import {
  sessionsKept,
  takesOver,
  type LeaseListener,
  type LeaseHolder,
  type QuestionLeases,
  type LeaseResult,
} from '../engine/sessions.js';

/** The parts of an engine that its question leases depend on. */
export interface MemoryQuestionLeasesHost {
  /** Makes a transition with the execution of that key, after running due timers. */
  stepWith<T>(key: string, transition: (stored: StoredExecution | undefined) => T): Promise<T>;
  now(): number;
  /** The question needs another connection. */
  available(stored: StoredExecution, question: string): void;
  report(error: unknown): void;
}

/** {@link QuestionLeases} of one process. */
export class MemoryQuestionLeases implements QuestionLeases {
  private readonly listeners = new Map<string, LeaseListener>();

  constructor(private readonly host: MemoryQuestionLeasesHost) {}

  attend(connection: string, listener: LeaseListener): () => void {
    this.listeners.set(connection, listener);
    return () => this.listeners.delete(connection);
  }

  acquire(key: string, question: string, by: LeaseHolder): Promise<LeaseResult> {
    return this.host.stepWith(key, (stored) => {
      const asked = stored?.questions.get(question);
      if (!stored || !asked || asked.answer) return { granted: false, again: false };
      const lease = stored.leases?.get(question);
      const isMoved = lease !== undefined && lease.connection !== by.connection;
      if (isMoved && !lease.isReleased) {
        if (!takesOver(by, lease)) return { granted: false, again: false };
        const { connection } = lease;
        queueMicrotask(() => this.notifyLost(connection, key, question, by.session));
      }
      const now = this.host.now();
      const kept = lease && isKept(lease, by) ? now - (lease.restsSince ?? now) : undefined;
      const others = lease?.sessions.filter((session) => session !== by.session) ?? [];
      stored.leases ??= new Map();
      stored.leases.set(question, {
        ...by,
        isReleased: false,
        isAcknowledged: kept !== undefined,
        sessions: [...others, by.session].slice(-sessionsKept),
        ...(by.rests === true && { restsSince: now - (kept ?? 0) }),
      });
      const again = isMoved && lease.session === by.session;
      return { granted: true, again, ...(kept !== undefined && { kept }) };
    });
  }

  acknowledge(key: string, question: string, session: string): Promise<void> {
    return this.host.stepWith(key, (stored) => {
      const lease = stored?.leases?.get(question);
      if (lease?.session === session && !lease.isReleased) {
        stored?.leases?.set(question, { ...lease, isAcknowledged: true });
      }
    });
  }

  release(key: string, question: string, connection: string): Promise<void> {
    return this.host.stepWith(key, (stored) => {
      const lease = stored?.leases?.get(question);
      if (!stored || lease?.connection !== connection || lease.isReleased) return;
      stored.leases?.set(question, { ...lease, isReleased: true, isAcknowledged: false });
      if (!stored.questions.get(question)?.answer) this.host.available(stored, question);
    });
  }

  clear(): void {
    this.listeners.clear();
  }

  private notifyLost(connection: string, key: string, question: string, session: string): void {
    try {
      this.listeners.get(connection)?.onLost(key, question, session);
    } catch (error) {
      this.host.report(error);
    }
  }
}

/** Whether the client has acknowledged the question and still shows it, so that it must not be sent again. */
function isKept({ isReleased, isAcknowledged, connection, session, waits, rests }: Lease, by: LeaseHolder): boolean {
  if (isReleased || !isAcknowledged || session !== by.session) return false;
  return connection === by.connection || (by.waits && (waits || rests === true));
}
