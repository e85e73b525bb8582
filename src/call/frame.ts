import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import type { Meters } from '../telemetry/meters.js';
import type { Tracing } from '../telemetry/tracing.js';
import type { Component } from '../components/component.js';
import type { Mode } from '../injection/injector.js';
import type { ClientCapabilities, Implementation } from '../protocol/types.js';
import type { ClientChannel } from './channel.js';
import type { Journal } from './questions/journal.js';
import type { CallScope } from './call-scope.js';
import type { ErrorDisclosure } from './outcome.js';
import type { Progress } from './progress.js';
import type { CurrentAccessToken, CurrentHeaders, CurrentPrincipal } from './principal.js';

/** The caller, as far as known. */
export interface Caller {
  readonly principal: CurrentPrincipal;
  readonly accessToken?: CurrentAccessToken;
  readonly headers: CurrentHeaders;
}

/** Facts about the client at the other end of a call. */
export interface ClientFacts {
  readonly capabilities: ClientCapabilities;
  readonly info?: Implementation;
}

/** Facts about the execution of a background call. */
export interface ExecutionFacts {
  readonly key: string;
  /** 1 for the first. */
  readonly attempt: number;
  readonly redelivered: boolean;
  /** Milliseconds since 1970. */
  readonly addedAt: number;
  readonly worker: string;
}

/** Settings of the server that apply to every call. */
export interface CallSettings {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly meters: Meters;
  readonly tracing: Tracing;
  readonly disclosure: ErrorDisclosure;
  /** How long a call may go on after it was ended early, in milliseconds. */
  readonly grace: number;
  /** How long a question stays open by default, in milliseconds. */
  readonly questionDeadline: number;
  /** Wraps every call, whatever started it: the one seam for middleware and authorization. */
  readonly around?: Around;
}

/** Wraps a call. `next` runs the rest of it and resolves with the method's return value. */
export type Around = (frame: CallFrame, next: () => Promise<unknown>) => Promise<unknown>;

/** Everything a call knows about its surroundings. The built-in tokens are made from it. */
export interface CallFrame extends Pick<CallSettings, 'tracing' | 'grace' | 'questionDeadline' | 'around'> {
  /** In the background its lines carry the ids of the call. */
  readonly logger: Logger;
  readonly component: Component<CallFrame>;
  readonly mode: Mode;
  /** The wire input; the pipeline parses it. */
  readonly input: unknown;
  readonly channel: ClientChannel;
  readonly scope: CallScope;
  /** Names the questions of the call. */
  readonly journal: Journal;
  /** Shared by the token `Progress` and `ctx.reportProgress()`. */
  readonly progress: Progress;
  readonly caller: Caller;
  /** Absent for jobs. */
  readonly client?: ClientFacts;
  readonly sessionId?: string | undefined;
  /** The JSON-RPC id of the request; in the background, of the request that created the task. */
  readonly requestId?: string | number;
  readonly taskId?: string;
  /** Present in the background. */
  readonly execution?: ExecutionFacts;
}
