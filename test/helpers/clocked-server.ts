import type { Clock } from '../../src/base/clock.js';
import { Logger } from '../../src/base/logger.js';
import { Meters } from '../../src/telemetry/meters.js';
import type { CallFrame } from '../../src/call/frame.js';
import { Injector } from '../../src/injection/injector.js';
import { ErrandServer } from '../../src/server/create-server.js';
import { resolveOptions, type ServerOptions } from '../../src/server/options.js';
import { FakeClock } from './fake-clock.js';
import { closedAfterwards } from './in-memory.js';

/** A server whose time the test turns; else as `createServer` makes it, without its environment. */
export function serverWithClock(
  options: Omit<ServerOptions, 'container'>,
  clock: Clock,
  meters = new Meters(),
): ErrandServer {
  const resolved = { ...resolveOptions(options, {}), clock, meters };
  return new ErrandServer(resolved, (builtIns) => new Injector<CallFrame>({ providers: resolved.providers, builtIns }));
}

/** A server that is closed after the test, whose time stands still until that turns the clock. */
export function clockedServer(components: ServerOptions['components']): { server: ErrandServer; clock: FakeClock } {
  const clock = new FakeClock();
  const logger = new Logger(() => undefined);
  return {
    clock,
    server: closedAfterwards(serverWithClock({ name: 'test', version: '1', components, logger }, clock)),
  };
}
