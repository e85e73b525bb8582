import { ErrandError, withoutPassword } from '../../base/errors.js';

/** Host and port of one server. */
export interface RedisHost {
  readonly host: string;
  readonly port: number;
}

/** The parts of a docket's URL. */
export interface RedisAddress {
  /** One server, its socket file, a cluster, or the master that Sentinels name. */
  readonly kind: 'server' | 'socket' | 'cluster' | 'sentinel';
  /** The URL without its password, for messages. */
  readonly shown: string;
  /** The server, the nodes of the cluster, or the Sentinels. Empty for a socket file. */
  readonly hosts: readonly RedisHost[];
  /** Path of the socket file. */
  readonly path?: string;
  /** Name of the master among the Sentinels. */
  readonly master?: string;
  readonly tls: boolean;
  readonly db: number;
  readonly username?: string;
  readonly password?: string;
  readonly sentinelUsername?: string;
  readonly sentinelPassword?: string;
  /** IP version of the addresses to use; 0 for both. */
  readonly family: 0 | 4 | 6;
}

const forms =
  'redis://user:password@host:6379/0, unix:///path/redis.sock?db=0, redis+cluster://host:7000,host:7001 or ' +
  'redis+sentinel://host:26379,host:26380/master/0, with rediss instead of redis for TLS';

/** The schemes, without the `s` for TLS. */
const kinds = { redis: 'server', unix: 'socket', 'redis+cluster': 'cluster', 'redis+sentinel': 'sentinel' } as const;

const parameters = ['db', 'family', 'username', 'password', 'sentinelUsername', 'sentinelPassword'] as const;

/**
 * Parses the URL of a docket. User and password are decoded, so characters with a meaning in URLs are written as in `p%40ss`.
 *
 * @throws {ErrandError} `DOCKET_URL`
 */
export function parseAddress(url: string): RedisAddress {
  const shown = withoutPassword(url);
  const refuse = (why: string): never => {
    throw new ErrandError('DOCKET_URL', `docket.url is '${shown}': ${why}. Write ${forms}.`);
  };
  const [, scheme = '', authority = '', path = '', query = ''] =
    /^([a-z+]+):\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?$/i.exec(url) ?? [];
  const tls = /^rediss(\+|$)/i.test(scheme);
  const kind = Object.entries(kinds).find(([name]) => name === scheme.toLowerCase().replace(/^rediss/, 'redis'))?.[1];
  if (kind === undefined) return refuse('this is not a Redis URL');

  const decoded = (text: string): string => {
    try {
      return decodeURIComponent(text);
    } catch {
      return refuse('a % in it does not begin an encoded character; write a literal % as %25');
    }
  };
  const given = new Map<string, string>();
  for (const pair of query.split('&').filter(Boolean)) {
    const [, name = '', value = ''] = /^([^=]*)=?(.*)$/s.exec(pair) ?? [];
    if (!parameters.some((known) => known === name)) refuse(`after the ?, only ${parameters.join(', ')} are allowed`);
    given.set(name, decoded(value));
  }
  const parameter = (name: (typeof parameters)[number]): string | undefined => given.get(name);
  if (kind !== 'sentinel' && (given.has('sentinelUsername') || given.has('sentinelPassword'))) {
    refuse('it has a user or password for Sentinels, but names no Sentinels');
  }

  const at = authority.lastIndexOf('@');
  const [user = '', password] = at < 0 ? [] : splitOnce(authority.slice(0, at), ':');
  const hosts = readHosts(authority.slice(at + 1), kind === 'sentinel' ? 26_379 : 6_379);
  if (kind === 'socket' ? authority.length > at + 1 : hosts === undefined) {
    refuse(
      kind === 'socket'
        ? 'a socket file has no host, only a path that begins with /'
        : 'it names no valid host and port',
    );
  }
  if (kind === 'server' && hosts !== undefined && hosts.length > 1) refuse('several hosts need a cluster or Sentinels');

  const target = readPath(kind, decoded(path));
  if (target === undefined) return refuse(pathFault[kind]);
  const db = parameter('db') ?? target.db;
  if (target.db !== undefined && parameter('db') !== undefined) refuse('it names the database twice');
  if (db !== undefined && !/^\d{1,9}$/.test(db)) refuse('the database is not a number');
  if (kind === 'cluster' && Number(db ?? 0) !== 0) refuse('a cluster has only the database 0');
  const family = Number(parameter('family') ?? 0);
  if (family !== 0 && family !== 4 && family !== 6) return refuse('the family is neither 4 nor 6');

  const some = <Name extends string>(name: Name, value: string | undefined): { readonly [N in Name]?: string } =>
    (value ? { [name]: value } : {}) as { readonly [N in Name]?: string };
  return {
    kind,
    shown,
    hosts: hosts ?? [],
    ...some('path', target.path),
    ...some('master', target.master),
    tls,
    db: Number(db ?? 0),
    ...some('username', parameter('username') ?? decoded(user)),
    ...some('password', parameter('password') ?? decoded(password ?? '')),
    ...some('sentinelUsername', parameter('sentinelUsername')),
    ...some('sentinelPassword', parameter('sentinelPassword')),
    family,
  };
}

const pathFault = {
  server: 'only a database number may follow the host',
  socket: 'it names no path',
  cluster: 'a cluster has only the database 0',
  sentinel: 'the Sentinels must be followed by the name of the master, and may be followed by a database number',
} as const;

/** Reads the path after the hosts. Undefined if it is invalid. */
function readPath(
  kind: RedisAddress['kind'],
  path: string,
): { readonly db?: string; readonly path?: string; readonly master?: string } | undefined {
  if (kind === 'socket') return path.length > 1 ? { path } : undefined;
  const [, first = '', second = '', rest] = path.split('/');
  const named = kind === 'sentinel' ? { master: first } : {};
  const [db, surplus] = kind === 'sentinel' ? [second, rest] : [first, second];
  if (surplus || (kind === 'sentinel' && first === '')) return undefined;
  if (!/^\d*$/.test(db)) return undefined;
  return { ...named, ...(db !== '' && { db }) };
}

/** Reads `host:port,host:port`. Undefined if one of them is invalid. */
function readHosts(list: string, defaultPort: number): readonly RedisHost[] | undefined {
  const hosts = list.split(',').map((text) => {
    const [, bracketed, name, port] = /^(?:\[([\da-f:.]+)\]|([^\s:[\]%]+))(?::(\d{1,5}))?$/i.exec(text) ?? [];
    return { host: bracketed ?? name ?? '', port: Number(port ?? defaultPort) };
  });
  return hosts.every(({ host, port }) => host !== '' && port > 0 && port < 65_536) ? hosts : undefined;
}

function splitOnce(text: string, mark: string): [string, string?] {
  const index = text.indexOf(mark);
  return index < 0 ? [text] : [text.slice(0, index), text.slice(index + mark.length)];
}
