import { ErrandError } from '../base/errors.js';
import { RareLog } from '../base/rare-log.js';
import type { Core } from '../bindings/core.js';
import type { CallFrame } from '../call/frame.js';
import type { Catalog } from '../components/catalog.js';
import { ToolError } from '../components/results/results.js';
import type { Engine } from '../docket/engine/engine.js';
import { isProtocolError } from '../protocol/errors.js';
import { callSettings, snapshotRules, type ResolvedOptions } from './options.js';

/** The parts of a started server that its bindings need. */
export function coreOf(options: ResolvedOptions, catalog: Catalog<CallFrame>, engine: Engine | undefined): Core {
  const { name, version, title, websiteUrl, icons, instructions, docket, questionPatience } = options;
  return {
    identity: {
      name,
      version,
      ...(title !== undefined && { title }),
      ...(websiteUrl !== undefined && { websiteUrl }),
      ...(icons !== undefined && { icons }),
    },
    ...callSettings(options),
    catalog,
    rareLog: new RareLog(options.logger, options.clock),
    snapshots: snapshotRules(options),
    ttl: docket.ttl,
    questionPatience,
    limits: docket.limits,
    slowReaders: options.slowReaders,
    ...(instructions !== undefined && { instructions }),
    ...(engine !== undefined && { engine }),
  };
}

/** The error for a server that is used after its end. */
export const closed = (name: string): ErrandError =>
  new ErrandError('SERVER_CLOSED', `The server '${name}' is closed. Make a new one.`);

/** Whether an error is meant as it is, also from a provider: for the client, or with a code of ours. */
export const isPlain = (thrown: unknown): boolean =>
  ErrandError.is(thrown) || ToolError.is(thrown) || isProtocolError(thrown);
