import { systemClock } from '../base/clock.js';
import { ErrandError, messageOf } from '../base/errors.js';
import { Logger } from '../base/logger.js';
import type { DocketClient } from '../docket/docket-client.js';
import { openDocket, type DocketReports } from '../redis/open-docket.js';
import { TroubleLog } from '../server/trouble-log.js';
import { loadServer } from './loading/load-server.js';
import { printableLines } from './printing.js';

/** The options that tell a command which docket to open. */
export const docketOptions = {
  'docket-url': { type: 'string' },
  'docket-name': { type: 'string' },
  server: { type: 'string' },
} as const;

/** The parsed {@link docketOptions}. */
export interface DocketAddress {
  readonly 'docket-url'?: string | undefined;
  readonly 'docket-name'?: string | undefined;
  /** A server file, which supplies the URL, the name and the keys. */
  readonly server?: string | undefined;
}

/**
 * Opens a docket, without a worker, for as long as `work` takes.
 *
 * @throws {ErrandError} `OPTIONS_INVALID` if nothing names the docket, `DOCKET_URL`, `DOCKET_TLS`, `DOCKET_PEER`,
 * `DOCKET_UNAVAILABLE`, `SERVER_FILE`; and what `work` throws.
 */
export async function withDocket<T>(address: DocketAddress, work: (docket: DocketClient) => Promise<T>): Promise<T> {
  const { 'docket-url': url, 'docket-name': name, server: file } = address;
  const troubles = new Troubles();
  const wanted = { ...(url !== undefined && { url }), ...(name !== undefined && { name }), ...troubles.reports };
  const docket = await (file === undefined ? openDocket(wanted) : (await loadServer(file)).openDocket(wanted));
  troubles.begin();
  try {
    return await work(docket);
  } finally {
    await docket.close();
  }
}

/** Prints errors that occur while a command works. Earlier ones make the command fail. */
class Troubles {
  readonly reports: DocketReports;
  private begun = false;

  constructor() {
    const logger = new Logger((_level, message, { error }) => {
      this.print(error === undefined ? message : `${message}: ${messageOf(error)}`);
    });
    const log = new TroubleLog(logger, systemClock);
    this.reports = {
      onError: (error) => {
        if (ErrandError.is(error, 'SEAL_INVALID')) this.print(messageOf(error));
        else log.failed(error);
      },
      onReconnect: () => log.reconnected(),
    };
  }

  begin(): void {
    this.begun = true;
  }

  private print(what: string): void {
    if (this.begun) process.stderr.write(`errand: ${printableLines(what)}\n`);
  }
}
