import type { Docket } from '../docket/docket.js';

/** The server that makes the call, as an injectable token. */
export abstract class CurrentServer {
  /** What the server calls itself to clients. */
  abstract readonly name: string;
  /** The version that clients are told. */
  abstract readonly version: string;
  /** The server's own docket; what is added here belongs to nobody. In a call, inject `CurrentDocket` instead. */
  abstract readonly docket: Docket;
}
