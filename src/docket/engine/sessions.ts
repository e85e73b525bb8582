import type { Json } from '../../base/json.js';

/** What is kept of a client's session, so that any process can serve it. */
export interface StoredSession {
  /** The id of the principal whose session it is. */
  readonly owner: string;
  /** What a binding needs to serve the client. The engine does not look inside. */
  readonly client: Json;
}

/** What the connections that serve a session are told. */
export type SessionNews =
  /** It was ended, or nobody used it for too long. */
  | { readonly type: 'ended' }
  /** What is kept of its client has changed. */
  | { readonly type: 'changed'; readonly client: Json }
  /** At which connection messages that belong to no request go out; undefined when that connection is gone. */
  | { readonly type: 'held'; readonly connection: string | undefined }
  /** What another connection told; see {@link Sessions.tell}. */
  | { readonly type: 'message'; readonly message: Json };

/**
 * The sessions of clients that several connections may serve: connections in this process or in others. A connection has a name
 * ({@link Engine.newPlace}) and is gone when it leaves, or some time after its process was killed.
 */
export interface Sessions {
  /** Keeps a new session for `ttl` milliseconds. */
  save(id: string, connection: string, session: StoredSession, ttl: number): Promise<void>;
  /** The session, where it has not ended. */
  find(id: string): Promise<StoredSession | undefined>;
  /** It is in use at that connection: keeps it for `ttl` milliseconds from now. `false` when it has ended. */
  keep(id: string, connection: string, ttl: number): Promise<boolean>;
  /** Keeps something else of its client, and tells the other connections. */
  change(id: string, connection: string, client: Json): Promise<void>;
  /** Ends it, and tells all connections. With `unusedBut`, only if that connection was the last to say that it is in use. */
  end(id: string, unusedBut?: string): Promise<void>;
  /**
   * Calls back with what the other connections tell and with what becomes of the session, in order and never synchronously.
   * Begins with the connection that holds it, where there is one; from then on tells each that does, also that connection itself.
   * Returns what stops that.
   */
  serve(id: string, connection: string, listener: (news: SessionNews) => void): Promise<() => void>;
  /** Tells the other connections that serve it. */
  publish(id: string, connection: string, message: Json): Promise<void>;
  /**
   * From now on, messages that belong to no request go out at that connection and nowhere else. Gives the tasks of which the
   * client may not know how they stand: those that are open, and those that ended while there was no such connection. Where the
   * connection serves the session, it has been told which connection holds it before this resolves: itself, or one that came later.
   */
  hold(id: string, connection: string): Promise<readonly string[]>;
  /** The connection has no stream for that any more. Does nothing where another holds the session. */
  leave(id: string, connection: string): Promise<void>;
  /** The keys of the open tasks of a session, whether or not it is kept. */
  openTasks(id: string): Promise<readonly string[]>;
}

/** How many tasks that ended without anybody hearing of it are remembered for a session. */
export const endsKept = 100;

/** Who wants to show a question. */
export interface LeaseHolder {
  readonly connection: string;
  /** The session of the client there: what is shown to the same client twice replaces what it was shown before. */
  readonly session: string;
  /** Whether somebody waits there for the result of the task. */
  readonly waits: boolean;
  /** Whether whoever waited there gave that up. The client has the question still, if it ever came. */
  readonly rests?: boolean;
}

/** Whether a question may be shown. */
export interface LeaseResult {
  /** Where not, it is shown at another connection, or needs no answer any more. */
  readonly granted: boolean;
  /** The client may still show it from an earlier connection, and must not show it twice. */
  readonly again: boolean;
  /**
   * The client said that it has the question, and goes on with it: for how many milliseconds nobody has waited. It is not
   * sent again. Absent where it may not have it, or have lost it with its stream.
   */
  readonly kept?: number;
}

/** How many of the sessions to which a question was shown are remembered: the last ones. Any of them may answer it. */
export const sessionsKept = 16;

/** What a connection is told of the questions that it shows, or was not allowed to show. */
export interface LeaseListener {
  /** Another connection shows the question from now on; it was shown to `session` there. */
  onLost(key: string, question: string, session: string): void;
  /** The process of the connection that showed it is gone: it may be asked for again. */
  onAvailable(key: string, question: string): void;
}

/**
 * Where questions are shown: each at one connection at a time. Whoever shows one keeps it until it gives it up or is gone, with
 * two exceptions: a connection where somebody waits for the result takes it from a session in which nobody does, and of
 * two connections of one session the later one gets it, as its client has come back or asks for the result once more.
 */
export interface QuestionLeases {
  /** Tells a connection. Returns what stops that. */
  attend(connection: string, listener: LeaseListener): () => void;
  /** Asks to show a question, or says again how it is shown. */
  acquire(key: string, question: string, by: LeaseHolder): Promise<LeaseResult>;
  /** The client of that session, to which the question is shown, said that it has it. */
  received(key: string, question: string, session: string): Promise<void>;
  /** The connection shows the question no more, or does not want to. Where it is open, its watchers are told that it needs a connection. */
  release(key: string, question: string, connection: string): Promise<void>;
}

/** Whether a connection that wants to show a question gets it from the one that shows it, whose process is alive. */
export function takesOver(wants: LeaseHolder, shows: LeaseHolder): boolean {
  if (wants.session !== shows.session) return wants.waits && !shows.waits;
  return shows.rests === true ? wants.waits || wants.rests === true : wants.waits === shows.waits;
}
