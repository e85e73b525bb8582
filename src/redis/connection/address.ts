import { ErrandError, withoutPassword } from '../../base/errors.js';

/** One server of a Redis. */
export interface RedisHost {
  readonly host: string;
  readonly port: number;
}

/** What a docket's URL says. */
export interface RedisAddress {
  /** How it is reached: one server, its socket file, a cluster, or what Sentinels say is the master. */
  readonly kind: 'server' | 'socket' | 'cluster' | 'sentinel';
  /** The URL as messages may show it. */
  readonly shown: string;
  /** The server, nodes of the cluster, or Sentinels. None for a socket file. */
  readonly hosts: readonly RedisHost[];
  /** The path of the socket file. */
  readonly path?: string;
  /** What the Sentinels call the master. */
  readonly master?: string;
  readonly tls: boolean;
  readonly db: number;
  readonly username?: string;
  readonly password?: string;
  readonly sentinelUsername?: string;
  readonly sentinelPassword?: string;
  /** 4 or 6 to use only addresses of that version, 0 for both. */
  readonly family: 0 | 4 | 6;
}

const forms =
  'redis://user:password@host:6379/0, unix:///path/redis.sock?db=0, redis+cluster://host:7000,host:7001 or ' +
  'redis+sentinel://host:26379,host:26380/master/0, with rediss in the place of redis for TLS';

/** The schemes, without the `s` for TLS. */
const kinds = { redis: 'server', unix: 'socket', 'redis+cluster': 'cluster', 'redis+sentinel': 'sentinel' } as const;

const parameters = ['db', 'family', 'username', 'password', 'sentinelUsername', 'sentinelPassword'] as const;

/**
 * Reads the URL of a docket. What it says of user and password is decoded: characters that mean something to a URL are
 * written as in `p%40ss`.
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
  if (kind === undefined) return refuse('that is no URL of a Redis');

  const decoded = (text: string): string => {
    try {
      return decodeURIComponent(text);
    } catch {
      return refuse('a % in it does not begin a character; a % itself is written %25');
    }
  };
  const given = new Map<string, string>();
  for (const pair of query.split('&').filter(Boolean)) {
    const [, name = '', value = ''] = /^([^=]*)=?(.*)$/s.exec(pair) ?? [];
    if (!parameters.some((known) => known === name)) refuse(`after the ?, it may have ${parameters.join(', ')}`);
    given.set(name, decoded(value));
  }
  const parameter = (name: (typeof parameters)[number]): string | undefined => given.get(name);
  if (kind !== 'sentinel' && (given.has('sentinelUsername') || given.has('sentinelPassword'))) {
    refuse('it has a user or password for Sentinels, and names none');
  }

  const at = authority.lastIndexOf('@');
  const [user = '', password] = at < 0 ? [] : splitOnce(authority.slice(0, at), ':');
  const hosts = readHosts(authority.slice(at + 1), kind === 'sentinel' ? 26_379 : 6_379);
  if (kind === 'socket' ? authority.length > at + 1 : hosts === undefined) {
    refuse(
      kind === 'socket' ? 'a socket file has no host, but a path that begins with /' : 'it names no host and port',
    );
  }
  if (kind === 'server' && hosts !== undefined && hosts.length > 1) refuse('several hosts make a cluster or Sentinels');

  const place = readPath(kind, decoded(path));
  if (place === undefined) return refuse(pathFault[kind]);
  const db = parameter('db') ?? place.db;
  if (place.db !== undefined && parameter('db') !== undefined) refuse('it names the database twice');
  if (db !== undefined && !/^\d{1,9}$/.test(db)) refuse('the database is no number');
  if (kind === 'cluster' && Number(db ?? 0) !== 0) refuse('a cluster has the database 0 alone');
  const family = Number(parameter('family') ?? 0);
  if (family !== 0 && family !== 4 && family !== 6) return refuse('the family is neither 4 nor 6');

  const some = <Name extends string>(name: Name, value: string | undefined): { readonly [N in Name]?: string } =>
    (value ? { [name]: value } : {}) as { readonly [N in Name]?: string };
  return {
    kind,
    shown,
    hosts: hosts ?? [],
    ...some('path', place.path),
    ...some('master', place.master),
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
  server: 'after the host, only the number of a database may follow',
  socket: 'it names no path',
  cluster: 'a cluster has the database 0 alone',
  sentinel: 'after the Sentinels, it names the master, and the number of a database if it is not 0',
} as const;

/** What follows the hosts; undefined where that makes no sense. */
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

/** `host:port,host:port`; undefined where one of them is none. */
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
