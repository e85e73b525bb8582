import { describe, expect, it } from '@jest/globals';
import { Logger } from '../../../../src/base/logger.js';
import { ClientAddresses, type TrustProxy } from '../../../../src/transports/http/client-address.js';
import { Network } from '../../../../src/transports/http/http-options.js';

const quiet = new Logger(() => undefined);

const find = (peer: string, forwarded?: string, trust?: TrustProxy): string | undefined =>
  new ClientAddresses(trust, quiet).find(
    peer,
    new Headers(forwarded === undefined ? {} : { 'x-forwarded-for': forwarded }),
  );

describe('the address of a client', () => {
  it.each<[string, string | undefined, string, string | undefined, TrustProxy | undefined]>([
    ['is that of the sender', '9.9.9.9', '9.9.9.9', undefined, undefined],
    ['ignores what anybody may write', '9.9.9.9', '9.9.9.9', '1.1.1.1', undefined],
    ['is what one proxy adds', '2.2.2.2', '9.9.9.9', '1.1.1.1, 2.2.2.2', 1],
    ['is what the outer of two proxies adds', '1.1.1.1', '9.9.9.9', '6.6.6.6, 1.1.1.1,2.2.2.2', 2],
    ['is the first one if there are fewer proxies', '1.1.1.1', '9.9.9.9', '1.1.1.1', 7],
    ['is that of a sender that is no proxy', '9.9.9.9', '9.9.9.9', '1.1.1.1', ['10.0.0.0/8']],
    ['is what the last proxy of the network adds', '2.2.2.2', '10.0.0.1', '1.1.1.1, 2.2.2.2', ['10.0.0.0/8']],
    [
      'passes all proxies of the networks',
      '1.1.1.1',
      '10.0.0.1',
      '6.6.6.6, 1.1.1.1, fd00::1',
      ['10.0.0.0/8', 'fc00::/7'],
    ],
    ['knows the names of networks', '1.1.1.1', '::ffff:127.0.0.1', '1.1.1.1, 192.168.1.1', ['loopback', 'uniquelocal']],
    ['stops at what is no address', '2.2.2.2', '10.0.0.1', '1.1.1.1, unknown, 2.2.2.2', ['10.0.0.0/8', '2.2.2.2']],
    ['is one for IPv4 in both notations', '9.9.9.9', '::ffff:9.9.9.9', undefined, undefined],
    ['is a /64 of IPv6', '2001:db8:1:2::/64', '2001:db8:1:2:3:4:5:6', undefined, undefined],
    ['is the same /64 for its neighbour', '2001:db8:1:2::/64', '2001:0DB8:1:2::9', undefined, undefined],
    ['is a /64 that is mostly zero', '2001:db8:0:0::/64', '2001:db8::1', undefined, undefined],
    ['is a /64 of a short address', '0:0:0:0::/64', '::1', undefined, undefined],
    ['has no zone', 'fe80:0:0:0::/64', 'fe80::1%eth0', undefined, undefined],
  ])('%s [B5]', (_what, address, peer, forwarded, trust) => {
    expect(find(peer, forwarded, trust)).toBe(address);
  });

  it('is unknown if the host does not tell [B5]', () => {
    expect(
      new ClientAddresses(1, quiet).find(undefined, new Headers({ 'x-forwarded-for': '1.1.1.1' })),
    ).toBeUndefined();
  });

  it('is warned of once if a proxy is in the way that is not trusted [B5]', () => {
    const lines: unknown[] = [];
    const logger = new Logger((level, message, fields) => lines.push([level, message, fields]));
    const addresses = new ClientAddresses(undefined, logger);
    for (let each = 0; each < 3; each++) addresses.find('10.0.0.1', new Headers({ 'x-forwarded-for': '1.1.1.1' }));
    expect(lines).toEqual([
      ['warning', expect.stringContaining('http.trustProxy is off'), expect.objectContaining({ proxy: '10.0.0.1' })],
    ]);
  });
});

it.each([
  ['10.0.0.0/8', true],
  ['10.1.2.3', true],
  ['fd00::/8', true],
  ['loopback', true],
  ['10.0.0.0/33', false],
  ['10.0.0.0/', false],
  ['10.0.0.0/8/8', false],
  ['example.com', false],
  ['', false],
])('%j is a network: %s [B5]', (text, is) => expect(Network.safeParse(text).success).toBe(is));
