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

/** The server that makes the call, as an injectable token. */
export abstract class CurrentServer {
  /** What the server calls itself to clients. */
  abstract readonly name: string;
  /** The version that clients are told. */
  abstract readonly version: string;
  /** The server's own docket; what is added here belongs to nobody. In a call, inject `CurrentDocket` instead. */
  abstract readonly docket: Docket;
}

const everywhere: readonly Mode[] = ['foreground', 'background'];
const background: readonly Mode[] = ['background'];

/** Every token that comes with a call: where it exists, what it is made from, and whether a singleton may hold it. */
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

/** A background call's logger carries its ids already. */
const callLogger = ({ mode, logger, component, requestId }: CallFrame): Logger =>
  mode === 'background' ? logger : logger.child({ component: component.name, requestId });

/** A call that waits gives its slot back; a handle that outlives its call just waits. */
const waitingIn =
  (scope: CallScope): Waiting =>
  (work) =>
    scope.over === undefined ? scope.waitFor(work) : work;

const noAccessToken = (): ErrandError =>
  new ErrandError('NO_ACCESS_TOKEN', 'This call needs an access token, but the client sent none.', {
    exposed: true,
  });
