import { BlockList, isIP } from 'node:net';
import type { Logger } from '../../base/logger.js';
import { namedNetworks } from './http-options.js';

/** Which proxies to believe: how many there are in front of the server, or their networks. */
export type TrustProxy = number | readonly string[];

/** Whether the sender of a request, or of what a proxy forwards, is believed. `hop` is 0 for the sender of the request. */
type Trusts = (address: string, hop: number) => boolean;

/**
 * Finds the address of the client behind a request. Each proxy appends the address of its own sender to `X-Forwarded-For`, so
 * the header is read from its end, as far as its writers are trusted. Anybody may send the header, so without trust in a
 * proxy it says nothing.
 */
export class ClientAddresses {
  private readonly trusts: Trusts | undefined;
  private hasWarned = false;

  constructor(
    trustProxy: TrustProxy | undefined,
    private readonly logger: Logger,
  ) {
    this.trusts = trustProxy === undefined ? undefined : trustIn(trustProxy);
  }

  /** The address that a request from `peer` counts for; undefined if the host of the server does not know its peers. */
  find(peer: string | undefined, headers: Headers): string | undefined {
    const forwarded = headers.get('x-forwarded-for');
    if (peer === undefined || forwarded === null) return peer && networkOf(peer);
    if (this.trusts === undefined) {
      this.warn(peer);
      return networkOf(peer);
    }
    let address = peer;
    const senders = forwarded.split(',').reverse();
    for (const [hop, sender] of senders.entries()) {
      const next = sender.trim();
      // Who sent something else than an address is the last one known.
      if (!this.trusts(plain(address), hop) || isIP(next) === 0) break;
      address = next;
    }
    return networkOf(address);
  }

  private warn(proxy: string): void {
    if (this.hasWarned) return;
    this.hasWarned = true;
    this.logger.warning(
      'A request came with X-Forwarded-For, but http.trustProxy is off: all clients behind this proxy count as one. Set it to the number of proxies, or to their networks',
      { proxy },
    );
  }
}

function trustIn(trustProxy: TrustProxy): Trusts {
  if (typeof trustProxy === 'number') return (_address, hop) => hop < trustProxy;
  const trusted = new BlockList();
  for (const network of trustProxy.flatMap((each) => namedNetworks[each] ?? each)) {
    const [address = '', bits] = network.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) trusted.addAddress(address, family);
    else trusted.addSubnet(address, Number(bits), family);
  }
  return (address) => trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

/** An IPv4 address that was written as one of IPv6 in its own form. Without the zone of the machine that saw it. */
function plain(address: string): string {
  const [bare = ''] = address.split('%');
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1] ?? bare;
}

/** What one subscriber has: an IPv4 address, or a /64 of IPv6, in which anybody can take another address at will. */
function networkOf(address: string): string {
  const own = plain(address);
  if (isIP(own) !== 6) return own;
  const [front = '', back] = own.split('::');
  const groups = front === '' ? [] : front.split(':');
  const following = back === undefined || back === '' ? 0 : back.split(':').length + (back.includes('.') ? 1 : 0);
  if (back !== undefined) {
    const tail = back === '' ? [] : back.split(':');
    groups.push(...Array.from({ length: 8 - groups.length - following }, () => '0'), ...tail);
  }
  const prefix = groups.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${prefix.join(':')}::/64`;
}
