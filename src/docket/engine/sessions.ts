import type { Json } from '../../base/json.js';

/** What is kept of a client's session, so that any process can serve it. */
export interface StoredSession {
  /** The id of the principal whose session it is. */
  readonly owner: string;
  /** What a binding needs to serve the client. The engine does not look inside. */
  readonly client: Json;
}

/** What the places that serve a session are told. */
export type SessionNews =
  /** It was ended, or nobody used it for too long. */
  | { readonly type: 'ended' }
  /** What is kept of its client has changed. */
  | { readonly type: 'changed'; readonly client: Json }
  /** At which place messages that belong to no request go out; undefined when that place is gone. */
  | { readonly type: 'held'; readonly place: string | undefined }
  /** What another place told; see {@link Sessions.tell}. */
  | { readonly type: 'message'; readonly message: Json };

/**
 * The sessions of clients that several places may serve: connections in this process or in others. A place has a name
 * ({@link Engine.newPlace}) and is gone when it leaves, or some time after its process was killed.
 */
export interface Sessions {
  /** Keeps a new session for `life` milliseconds. */
  save(id: string, place: string, session: StoredSession, life: number): Promise<void>;
  /** The session, where it has not ended. */
  find(id: string): Promise<StoredSession | undefined>;
  /** It is in use at that place: keeps it for `life` milliseconds from now. `false` when it has ended. */
  keep(id: string, place: string, life: number): Promise<boolean>;
  /** Keeps something else of its client, and tells the other places. */
  change(id: string, place: string, client: Json): Promise<void>;
  /** Ends it, and tells all places. With `unusedBut`, only if that place was the last to say that it is in use. */
  end(id: string, unusedBut?: string): Promise<void>;
  /**
   * Calls back with what the other places tell and with what becomes of the session, in order and never synchronously.
   * Begins with the place that holds it, where there is one; from then on tells each that does, also that place itself.
   * Returns what stops that.
   */
  serve(id: string, place: string, listener: (news: SessionNews) => void): Promise<() => void>;
  /** Tells the other places that serve it. */
  tell(id: string, place: string, message: Json): Promise<void>;
  /**
   * From now on, messages that belong to no request go out at that place and nowhere else. Gives the tasks of which the
   * client may not know how they stand: those that are open, and those that ended while there was no such place. Where the
   * place serves the session, it has been told which place holds it before this resolves: itself, or one that came later.
   */
  hold(id: string, place: string): Promise<readonly string[]>;
  /** The place has no stream for that any more. Does nothing where another holds the session. */
  leave(id: string, place: string): Promise<void>;
  /** The keys of the open tasks of a session, whether or not it is kept. */
  openTasks(id: string): Promise<readonly string[]>;
}

/** How many tasks that ended without anybody hearing of it are remembered for a session. */
export const endsKept = 100;

/** Who wants to show a question. */
export interface LeaseHolder {
  readonly place: string;
  /** The session of the client there: what is shown to the same client twice replaces what it was shown before. */
  readonly session: string;
  /** Whether somebody waits there for the result of the task. */
  readonly waits: boolean;
  /** Whether whoever waited there gave that up. The client has the question still, if it ever came. */
  readonly rests?: boolean;
}

/** Whether a question may be shown. */
export interface LeaseResult {
  /** Where not, it is shown at another place, or needs no answer any more. */
  readonly granted: boolean;
  /** The client may still show it from an earlier place, and must not show it twice. */
  readonly again: boolean;
  /**
   * The client said that it has the question, and goes on with it: for how many milliseconds nobody has waited. It is not
   * sent again. Absent where it may not have it, or have lost it with its stream.
   */
  readonly kept?: number;
}

/** How many of the sessions to which a question was shown are remembered: the last ones. Any of them may answer it. */
export const sessionsKept = 16;

/** What a place is told of the questions that it shows, or was not allowed to show. */
export interface LeaseListener {
  /** Another place shows the question from now on; it was shown to `session` there. */
  onLost(key: string, question: string, session: string): void;
  /** The process of the place that showed it is gone: it may be asked for again. */
  onAvailable(key: string, question: string): void;
}

/**
 * Where questions are shown: each at one place at a time. Whoever shows one keeps it until it gives it up or is gone, with
 * two exceptions: a place where somebody waits for the result takes it from a session in which nobody does, and of
 * two places of one session the later one gets it, as its client has come back or asks for the result once more.
 */
export interface QuestionLeases {
  /** Tells a place. Returns what stops that. */
  attend(place: string, listener: LeaseListener): () => void;
  /** Asks to show a question, or says again how it is shown. */
  acquire(key: string, question: string, by: LeaseHolder): Promise<LeaseResult>;
  /** The client of that session, to which the question is shown, said that it has it. */
  received(key: string, question: string, session: string): Promise<void>;
  /** The place shows the question no more, or does not want to. Where it is open, its watchers are told that it needs a place. */
  release(key: string, question: string, place: string): Promise<void>;
}

/** Whether a place that wants to show a question gets it from the one that shows it, whose process is alive. */
export function takesOver(wants: LeaseHolder, shows: LeaseHolder): boolean {
  if (wants.session !== shows.session) return wants.waits && !shows.waits;
  return shows.rests === true ? wants.waits || wants.rests === true : wants.waits === shows.waits;
}
