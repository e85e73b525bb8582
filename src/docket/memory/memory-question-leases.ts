import type { Entry, Shown } from './memory-entry.js';
import {
  sessionsKept,
  takesOver,
  type LeaseListener,
  type LeaseHolder,
  type QuestionLeases,
  type LeaseResult,
} from '../engine/sessions.js';

/** What the showings need of their engine. */
export interface MemoryQuestionLeasesHost {
  /** Makes a step with the execution of that key, after what is due. */
  stepWith<T>(key: string, transition: (entry: Entry | undefined) => T): Promise<T>;
  now(): number;
  /** The question needs a place. */
  needsPlace(entry: Entry, question: string): void;
  report(error: unknown): void;
}

/** {@link QuestionLeases} of one process. */
export class MemoryQuestionLeases implements QuestionLeases {
  private readonly listeners = new Map<string, LeaseListener>();

  constructor(private readonly host: MemoryQuestionLeasesHost) {}

  attend(place: string, listener: LeaseListener): () => void {
    this.listeners.set(place, listener);
    return () => this.listeners.delete(place);
  }

  acquire(key: string, question: string, by: LeaseHolder): Promise<LeaseResult> {
    return this.host.stepWith(key, (entry) => {
      const asked = entry?.questions.get(question);
      if (!entry || !asked || asked.answer) return { granted: false, again: false };
      const shown = entry.shown?.get(question);
      const isMoved = shown !== undefined && shown.place !== by.place;
      if (isMoved && !shown.isOver) {
        if (!takesOver(by, shown)) return { granted: false, again: false };
        const { place } = shown;
        queueMicrotask(() => this.tellTaken(place, key, question, by.session));
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

  release(key: string, question: string, place: string): Promise<void> {
    return this.host.stepWith(key, (entry) => {
      const shown = entry?.shown?.get(question);
      if (!entry || shown?.place !== place || shown.isOver) return;
      entry.shown?.set(question, { ...shown, isOver: true, isReceived: false });
      if (!entry.questions.get(question)?.answer) this.host.needsPlace(entry, question);
    });
  }

  clear(): void {
    this.listeners.clear();
  }

  private tellTaken(place: string, key: string, question: string, session: string): void {
    try {
      this.listeners.get(place)?.onLost(key, question, session);
    } catch (error) {
      this.host.report(error);
    }
  }
}

/** Whether the client has what it was shown, and is not to be shown it again by a place that wants to. */
function isKept({ isOver, isReceived, place, session, waits, rests }: Shown, by: LeaseHolder): boolean {
  if (isOver || !isReceived || session !== by.session) return false;
  return place === by.place || (by.waits && (waits || rests === true));
}
