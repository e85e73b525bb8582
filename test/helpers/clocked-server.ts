import type { Clock } from '../../src/base/clock.js';
import { Meters } from '../../src/base/meters.js';
import type { CallFrame } from '../../src/call/frame.js';
import { Injector } from '../../src/injection/injector.js';
import { ErrandServer } from '../../src/server/create-server.js';
import { resolveOptions, type ServerOptions } from '../../src/server/options.js';

/** A server whose time the test turns; else as `createServer` makes it, without its environment. */
export function serverWithClock(
  options: Omit<ServerOptions, 'container'>,
  clock: Clock,
  meters = new Meters(),
): ErrandServer {
  const resolved = { ...resolveOptions(options, {}), clock, meters };
  return new ErrandServer(resolved, (builtIns) => new Injector<CallFrame>({ providers: resolved.providers, builtIns }));
}
