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

/** Who called, as far as it is known. */
export interface Caller {
  readonly principal: CurrentPrincipal;
  readonly accessToken?: CurrentAccessToken;
  readonly headers: CurrentHeaders;
}

/** The client at the other end of a call. */
export interface ClientFacts {
  readonly capabilities: ClientCapabilities;
  readonly info?: Implementation;
}

/** What a background call knows about its execution. */
export interface ExecutionFacts {
  readonly key: string;
  /** 1 for the first. */
  readonly attempt: number;
  readonly redelivered: boolean;
  /** Milliseconds since 1970. */
  readonly addedAt: number;
  readonly worker: string;
}

/** What the server decides for all calls. */
export interface CallSettings {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly meters: Meters;
  readonly tracing: Tracing;
  readonly disclosure: ErrorDisclosure;
  /** How long a call that was ended early may take to settle, in milliseconds. */
  readonly grace: number;
  /** How long a question stays open when its author does not say, in milliseconds. */
  readonly questionDeadline: number;
  /** Runs around every call, whatever started it: the one place for middleware and authorization. */
  readonly around?: Around;
}

/** Something that runs around a call. `next` makes the rest of the call and gives what its method returned. */
export type Around = (frame: CallFrame, next: () => Promise<unknown>) => Promise<unknown>;

/** Everything that one call knows about where it runs. Built-in tokens are made from it. */
export interface CallFrame extends Pick<CallSettings, 'tracing' | 'grace' | 'questionDeadline' | 'around'> {
  /** Carries the ids of the call where it runs in the background. */
  readonly logger: Logger;
  readonly component: Component<CallFrame>;
  readonly mode: Mode;
  /** As it travelled; the pipeline parses it. */
  readonly input: unknown;
  readonly channel: ClientChannel;
  readonly scope: CallScope;
  /** Names what the call asks. */
  readonly journal: Journal;
  /** One for the call: the token `Progress` and `ctx.reportProgress()` move the same. */
  readonly progress: Progress;
  readonly caller: Caller;
  /** Absent for jobs. */
  readonly client?: ClientFacts;
  readonly sessionId?: string | undefined;
  /** The JSON-RPC id of the request, in the background that of the request that made the task. */
  readonly requestId?: string | number;
  readonly taskId?: string;
  /** Present in the background. */
  readonly execution?: ExecutionFacts;
}
