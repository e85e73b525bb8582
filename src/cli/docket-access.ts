import { ErrandError, messageOf, withoutPassword } from '../base/errors.js';
import { Logger } from '../base/logger.js';
import type { Engine } from '../docket/engine/engine.js';
import { makeEngine } from '../server/background.js';
import { resolveOptions, type ResolvedOptions } from '../server/options.js';
import { loadServer } from './load-server.js';
import { printableLines } from './printing.js';

/** The options by which commands find a docket. */
export const docketOptions = {
  'docket-url': { type: 'string' },
  'docket-name': { type: 'string' },
  server: { type: 'string' },
} as const;

/** How {@link docketOptions} come out. */
export interface DocketAddress {
  readonly 'docket-url'?: string | undefined;
  readonly 'docket-name'?: string | undefined;
  /** A server file, for the URL and the name that it says. */
  readonly server?: string | undefined;
}

/**
 * Opens a docket, without a worker, for as long as `work` takes.
 *
 * @throws {ErrandError} `OPTIONS_INVALID` where nothing says which docket, `DOCKET_URL`, `DOCKET_PEER`,
 * `DOCKET_UNAVAILABLE`, `SERVER_FILE`; and what `work` throws.
 */
export async function withDocket<T>(address: DocketAddress, work: (engine: Engine) => Promise<T>): Promise<T> {
  let started = false;
  const logger = new Logger((_level, message, { error }) => {
    // What goes wrong before, the start fails with.
    const what = error === undefined ? message : `${message}: ${messageOf(error)}`;
    if (started) process.stderr.write(`errand: ${printableLines(what)}\n`);
  });
  const engine = await makeEngine(await optionsFor(address, logger));
  await engine.start();
  started = true;
  try {
    return await work(engine);
  } finally {
    await engine.close();
  }
}

async function optionsFor(address: DocketAddress, logger: Logger): Promise<ResolvedOptions> {
  const { 'docket-url': url, 'docket-name': name, server: file } = address;
  const said = { ...(url !== undefined && { url }), ...(name !== undefined && { name }) };
  const options =
    file === undefined
      ? resolveOptions({ name: 'errand', version: '0', components: [], logger, docket: said }, process.env)
      : { ...(await loadServer(file)).optionsWith(said), logger };
  const { docket } = options;
  if (docket.url.startsWith('memory://')) {
    throw new ErrandError(
      'DOCKET_URL',
      `The docket is at '${withoutPassword(docket.url)}': it lives in the memory of its server, where no other process sees it. Give --docket-url or ERRAND_DOCKET_URL with the Redis of a docket.`,
    );
  }
  if (file === undefined && docket.name === undefined) {
    throw new ErrandError(
      'OPTIONS_INVALID',
      'Which docket? Give --docket-name or ERRAND_DOCKET_NAME (without one, a docket has the name of its server), or --server with the file of the server.',
    );
  }
  return options;
}
