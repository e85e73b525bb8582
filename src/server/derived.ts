import { z } from 'zod';
import { readOptions } from '../base/read-options.js';
import { StrayErrors } from '../call/stray-errors.js';
import type { Provider } from '../injection/providers.js';
import { Meters } from '../telemetry/meters.js';
import { Tracing } from '../telemetry/tracing.js';
import type { ResolvedOptions } from './options.js';

/** Options of `server.with`. */
export interface WithOptions {
  /** Each replaces all providers of its token, or a component class. */
  readonly override: readonly Provider[];
}

const Options = z.strictObject({ override: z.array(z.custom<Provider>(), 'expected an array of providers') });

/** @throws {ErrandError} `OPTIONS_INVALID` */
export const overridesOf = (options: WithOptions | undefined): readonly Provider[] =>
  readOptions(Options, (options as unknown) ?? {}, 'server.with').override;

/** The options of a derived server: with a docket and a worker of its own, so that no other worker can take its tasks. */
export function derivedOptions(options: ResolvedOptions): ResolvedOptions {
  return {
    ...options,
    docket: { ...options.docket, url: 'memory://', worker: true },
    meters: new Meters(),
    tracing: new Tracing(),
    strays: new StrayErrors(),
  };
}
