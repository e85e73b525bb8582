import { ErrandError } from '../../base/errors.js';
import { shown } from '../../base/shown.js';
import { refuse } from '../../protocol/errors.js';

/** The address that only this machine can reach. */
export const loopback = '127.0.0.1';

/** Whether only this machine can reach an address. */
export const isLoopback = (address: string): boolean => /^127\.|^::1$|^localhost$/.test(address);

const loopbackNames = [loopback, 'localhost', '[::1]'];

/**
 * Guards against DNS rebinding, by which a web page makes a browser send requests to this machine: Host and Origin must be
 * expected (MCP specification, basic/transports, security).
 */
export class HostGuard {
  private readonly hosts: ReadonlySet<string>;
  private readonly origins: ReadonlySet<string> | undefined;

  /**
   * Without an `address`, because the host of the server listens, names of this machine are expected unless others are
   * allowed.
   *
   * @throws {ErrandError} `LISTEN_REFUSED` when other machines can reach the address and `allowedHosts` is missing.
   */
  constructor(
    address: string | undefined,
    allowedHosts: readonly string[] | undefined,
    allowedOrigins: readonly string[] | undefined,
  ) {
    const isLocal = address === undefined ? allowedHosts === undefined : isLoopback(address);
    if (!isLocal && allowedHosts === undefined) {
      throw new ErrandError(
        'LISTEN_REFUSED',
        `listen: host '${address}' can be reached from other machines. Name the hosts that clients may use: allowedHosts: ['example.com'], or errand run --allow-host example.com.`,
      );
    }
    this.hosts = new Set(
      [...(isLocal ? loopbackNames : []), ...(allowedHosts ?? [])].map((name) => name.toLowerCase()),
    );
    this.origins = allowedOrigins && new Set(allowedOrigins.map((origin) => origin.toLowerCase()));
  }

  /** The response to a request that is not allowed; undefined for one that is. */
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
   * The headers that let the page behind a request read the response: for allowed origins, or for pages of this machine
   * if none are named. Undefined for any other request.
   */
  crossOrigin(headers: Headers): Record<string, string> | undefined {
    const origin = headers.get('origin');
    if (origin === null || !this.allowsOrigin(origin.toLowerCase())) return undefined;
    if (this.origins === undefined && !loopbackNames.includes(hostname(origin))) return undefined;
    return {
      'access-control-allow-origin': origin,
      'access-control-expose-headers': 'mcp-session-id, retry-after',
      vary: 'Origin',
    };
  }

  private allowsOrigin(origin: string): boolean {
    return this.origins === undefined ? this.hosts.has(hostname(origin)) : this.origins.has(origin);
  }
}

/** The host name in a URL; an empty one, which is never allowed, if the URL is invalid. */
function hostname(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname.toLowerCase() : '';
}
