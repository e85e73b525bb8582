import { markCopy } from '../base/package-copy.js';
import { ErrandError } from '../base/errors.js';
import { Logger } from '../base/logger.js';
import { Context } from '../call/context.js';
import type { CallFrame } from '../call/frame.js';
import { CurrentAccessToken, CurrentHeaders, CurrentPrincipal } from '../call/principal.js';
import { Progress } from '../call/progress.js';
import type { CallScope } from '../call/call-scope.js';
import { CurrentDocket, type Docket, type DocketHost } from '../docket/docket.js';
import type { Waiting } from '../docket/execution.js';
import { CurrentExecution, CurrentWorker } from '../call/worker-tokens.js';
import type { BuiltIn, Mode } from '../injection/injector.js';

/** The server that runs the call, as an injectable token. */
export abstract class CurrentServer {
  static {
    markCopy(this);
  }

  /** Name of the server, as sent to clients. */
  abstract readonly name: string;
  /** Version of the server, as sent to clients. */
  abstract readonly version: string;
  /** The server's own docket. Its executions belong to the principal `anonymous`; in a call, inject `CurrentDocket` instead. */
  abstract readonly docket: Docket;
}

const everywhere: readonly Mode[] = ['foreground', 'background'];
const background: readonly Mode[] = ['background'];

/** All tokens that come with a call: in which modes they exist, how they are created, and whether a singleton may hold them. */
export function builtIns(server: CurrentServer, docket: DocketHost, logger: Logger): BuiltIn<CallFrame>[] {
  return [
    { token: Context, modes: everywhere, call: (frame) => new Context(frame) },
    { token: Progress, modes: everywhere, call: (frame) => frame.progress },
    {
      token: CurrentDocket,
      modes: everywhere,
      call: ({ caller, scope }) => new CurrentDocket(docket, caller, waitingIn(scope)),
      singleton: () => new CurrentDocket(docket),
    },
    { token: CurrentServer, modes: everywhere, singleton: () => server },
    { token: Logger, modes: everywhere, call: callLogger, singleton: () => logger },
    { token: AbortSignal, modes: everywhere, call: (frame) => frame.scope.signal },
    { token: CurrentPrincipal, modes: everywhere, call: (frame) => frame.caller.principal },
    { token: CurrentHeaders, modes: everywhere, call: (frame) => frame.caller.headers },
    { token: CurrentAccessToken, modes: everywhere, call: (frame) => frame.caller.accessToken, absent: noAccessToken },
    {
      token: CurrentExecution,
      modes: background,
      call: ({ execution }) => execution && new CurrentExecution(execution),
    },
    {
      token: CurrentWorker,
      modes: background,
      call: ({ execution }) => execution && new CurrentWorker(execution),
    },
  ];
}

/** The logger of a background call already carries its ids. */
const callLogger = ({ mode, logger, component, requestId }: CallFrame): Logger =>
  mode === 'background' ? logger : logger.child({ component: component.name, requestId });

/** A call that waits frees its slot. A handle that outlives its call simply waits. */
const waitingIn =
  (scope: CallScope): Waiting =>
  (promise) =>
    scope.over === undefined ? scope.waitFor(promise) : promise;

const noAccessToken = (): ErrandError =>
  new ErrandError('NO_ACCESS_TOKEN', 'This call needs an access token, but the client sent none.', {
    exposed: true,
  });
