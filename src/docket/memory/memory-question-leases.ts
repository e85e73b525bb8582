import type { Entry, Shown } from './memory-entry.js';
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
  stepWith<T>(key: string, transition: (entry: Entry | undefined) => T): Promise<T>;
  now(): number;
  /** The question needs another connection. */
  available(entry: Entry, question: string): void;
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
    return this.host.stepWith(key, (entry) => {
      const asked = entry?.questions.get(question);
      if (!entry || !asked || asked.answer) return { granted: false, again: false };
      const shown = entry.shown?.get(question);
      const isMoved = shown !== undefined && shown.connection !== by.connection;
      if (isMoved && !shown.isOver) {
        if (!takesOver(by, shown)) return { granted: false, again: false };
        const { connection } = shown;
        queueMicrotask(() => this.notifyLost(connection, key, question, by.session));
      }
      const now = this.host.now();
      const kept = shown && isKept(shown, by) ? now - (shown.restsSince ?? now) : undefined;
      const others = shown?.sessions.filter((session) => session !== by.session) ?? [];
      entry.shown ??= new Map();
      entry.shown.set(question, {
        ...by,
        isOver: false,
        isReceived: kept !== undefined,
        sessions: [...others, by.session].slice(-sessionsKept),
        ...(by.rests === true && { restsSince: now - (kept ?? 0) }),
      });
      const again = isMoved && shown.session === by.session;
      return { granted: true, again, ...(kept !== undefined && { kept }) };
    });
  }

  received(key: string, question: string, session: string): Promise<void> {
    return this.host.stepWith(key, (entry) => {
      const shown = entry?.shown?.get(question);
      if (shown?.session === session && !shown.isOver) entry?.shown?.set(question, { ...shown, isReceived: true });
    });
  }

  release(key: string, question: string, connection: string): Promise<void> {
    return this.host.stepWith(key, (entry) => {
      const shown = entry?.shown?.get(question);
      if (!entry || shown?.connection !== connection || shown.isOver) return;
      entry.shown?.set(question, { ...shown, isOver: true, isReceived: false });
      if (!entry.questions.get(question)?.answer) this.host.available(entry, question);
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
function isKept({ isOver, isReceived, connection, session, waits, rests }: Shown, by: LeaseHolder): boolean {
  if (isOver || !isReceived || session !== by.session) return false;
  return connection === by.connection || (by.waits && (waits || rests === true));
}
