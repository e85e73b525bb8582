import type { Json } from '../../base/json.js';

/** The stored part of a client's session, with which any process can serve it. */
export interface StoredSession {
  /** The id of the principal that the session belongs to. */
  readonly owner: string;
  /** The state that a binding needs to serve the client; opaque to the engine. */
  readonly client: Json;
}

/** An event for the connections that serve a session. */
export type SessionNews =
  /** The session was ended, or has expired. */
  | { readonly type: 'ended' }
  /** The stored client data has changed. */
  | { readonly type: 'changed'; readonly client: Json }
  /** The connection that sends messages belonging to no request; undefined if it is gone. */
  | { readonly type: 'held'; readonly connection: string | undefined }
  /** A message from another connection; see {@link Sessions.publish}. */
  | { readonly type: 'message'; readonly message: Json };

/**
 * Client sessions, each of which several connections in this and other processes may serve. A connection has an id
 * ({@link Engine.newConnectionId}). It is gone when it leaves, or some time after its process was killed.
 */
export interface Sessions {
  /** Stores a new session for `ttl` milliseconds. */
  save(id: string, connection: string, session: StoredSession, ttl: number): Promise<void>;
  /** Finds a session that has not ended. */
  find(id: string): Promise<StoredSession | undefined>;
  /** Marks a session as used by the connection, and keeps it for another `ttl` milliseconds. `false` if it has ended. */
  keep(id: string, connection: string, ttl: number): Promise<boolean>;
  /** Replaces the stored client data, and notifies the other connections. */
  change(id: string, connection: string, client: Json): Promise<void>;
  /** Ends a session, and notifies all connections. With `lastUsedBy`, only if that connection was the last to use it. */
  end(id: string, lastUsedBy?: string): Promise<void>;
  /**
   * Delivers the session's events and the messages of its other connections, in order and never synchronously. The first
   * event names the connection that holds the session, if there is one. Each new holder is announced to all connections,
   * itself included. Returns a function that stops the delivery.
   */
  serve(id: string, connection: string, listener: (news: SessionNews) => void): Promise<() => void>;
  /** Sends a message to the other connections of the session. */
  publish(id: string, connection: string, message: Json): Promise<void>;
  /**
   * Makes the connection the holder: from now on it alone sends messages that belong to no request. Returns the tasks whose
   * state the client may not know: the open ones, and those that ended while there was no holder. If the connection serves
   * the session, it has received the `held` event of itself or of a later holder before this resolves.
   */
  hold(id: string, connection: string): Promise<readonly string[]>;
  /** The connection is no longer the holder. Does nothing if another one is. */
  release(id: string, connection: string): Promise<void>;
  /** The keys of a session's open tasks, whether or not the session is stored. */
  openTasks(id: string): Promise<readonly string[]>;
}

/** How many tasks that ended without a holder are remembered for a session. */
export const endsKept = 100;

/** A connection that wants to show a question. */
export interface LeaseHolder {
  readonly connection: string;
  /** The session of its client: showing a question to the same client again replaces the first showing. */
  readonly session: string;
  /** Whether a request for the task's result is waiting there. */
  readonly waits: boolean;
  /** Whether that request was given up. If the question reached the client, the client still has it. */
  readonly rests?: boolean;
}

/** The result of acquiring a lease. */
export interface LeaseResult {
  /** `false` if another connection has the lease, or the question no longer needs an answer. */
  readonly granted: boolean;
  /** The client may still show it from an earlier connection, and must not show it twice. */
  readonly again: boolean;
  /**
   * Set if the client has acknowledged the question and still shows it, so that it must not be sent again: for how many
   * milliseconds no request has waited. Absent if it may not have it, or lost it with its stream.
   */
  readonly kept?: number;
}

/** How many sessions are remembered per question, the latest ones. Each of them may answer it. */
export const sessionsKept = 16;

/** A connection's callbacks about the leases it has, or was refused. */
export interface LeaseListener {
  /** Another connection has taken over the lease, for `session`. */
  onLost(key: string, question: string, session: string): void;
  /** The process of the lease's holder is gone: it can be acquired again. */
  onAvailable(key: string, question: string): void;
}

/**
 * Leases of open questions: one connection at a time shows each. A holder keeps its lease until it releases it or is gone,
 * with two exceptions. A connection with a waiting request takes it over from a session without one. Of two connections of
 * one session the later takes over, because its client has reconnected or asks for the result once more.
 */
export interface QuestionLeases {
  /** Registers the callbacks of a connection. Returns a function that removes them. */
  attend(connection: string, listener: LeaseListener): () => void;
  /** Acquires the lease of a question, or renews it with other facts about the holder. */
  acquire(key: string, question: string, by: LeaseHolder): Promise<LeaseResult>;
  /** The client of that session acknowledges the question. */
  acknowledge(key: string, question: string, session: string): Promise<void>;
  /** Releases the lease. If the question is open, watchers get a `question` event, because it needs another connection. */
  release(key: string, question: string, connection: string): Promise<void>;
}

/** Whether a connection takes a lease over from its live holder. */
export function takesOver(wants: LeaseHolder, shows: LeaseHolder): boolean {
  if (wants.session !== shows.session) return wants.waits && !shows.waits;
  return shows.rests === true ? wants.waits || wants.rests === true : wants.waits === shows.waits;
}
