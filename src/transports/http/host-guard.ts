import { ErrandError } from '../../base/errors.js';
import { shown } from '../../base/shown.js';
import { refuse } from '../../protocol/errors.js';

/** The address that only this machine reaches. */
export const loopback = '127.0.0.1';

/** Whether only this machine reaches an address. */
export const isLoopback = (address: string): boolean => /^127\.|^::1$|^localhost$/.test(address);

const loopbackNames = [loopback, 'localhost', '[::1]'];

/**
 * Refuses requests that a web page made a browser send (DNS rebinding): Host and Origin must be expected ones
 * (2025-11-25, basic/transports, security).
 */
export class HostGuard {
  private readonly hosts: ReadonlySet<string>;
  private readonly origins: ReadonlySet<string> | undefined;

  /** @throws {ErrandError} `LISTEN_REFUSED` when others can reach the address and no `allowedHosts` says by which names. */
  constructor(
    address: string,
    allowedHosts: readonly string[] | undefined,
    allowedOrigins: readonly string[] | undefined,
  ) {
    const isOurs = isLoopback(address);
    if (!isOurs && allowedHosts === undefined) {
      throw new ErrandError(
        'LISTEN_REFUSED',
        `listen: host '${address}' can be reached from other machines. Say by which names clients come: allowedHosts: ['example.com'], or errand run --allow-host example.com.`,
      );
    }
    this.hosts = new Set([...(isOurs ? loopbackNames : []), ...(allowedHosts ?? [])].map((name) => name.toLowerCase()));
    this.origins = allowedOrigins && new Set(allowedOrigins.map((origin) => origin.toLowerCase()));
  }

  /** The answer to a request that may not come in; undefined for one that may. */
  refuse(headers: Headers): Response | undefined {
    const host = headers.get('host');
    if (host === null || !this.hosts.has(hostname(`http://${host}`))) {
      return refuse(403, -32000, `The Host header ${shown(JSON.stringify(host))} is not allowed.`);
    }
    const origin = headers.get('origin');
    if (origin === null || this.allowsOrigin(origin.toLowerCase())) return undefined;
    return refuse(403, -32000, `The Origin header ${shown(JSON.stringify(origin))} is not allowed.`);
  }

  /**
   * What lets the page that sent a request read the answer: for origins that were named, and for pages of this machine
   * when none was. Undefined for every other request.
   */
  crossOrigin(headers: Headers): Record<string, string> | undefined {
    const origin = headers.get('origin');
    if (origin === null || !this.allowsOrigin(origin.toLowerCase())) return undefined;
    if (this.origins === undefined && !loopbackNames.includes(hostname(origin))) return undefined;
    return {
      'access-control-allow-origin': origin,
      'access-control-expose-headers': 'mcp-session-id',
      vary: 'Origin',
    };
  }

  private allowsOrigin(origin: string): boolean {
    return this.origins === undefined ? this.hosts.has(hostname(origin)) : this.origins.has(origin);
  }
}

/** `localhost` of `http://localhost:3000`; an empty name, which is never allowed, for what is no URL. */
function hostname(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname.toLowerCase() : '';
}
