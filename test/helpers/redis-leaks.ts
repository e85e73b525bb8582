import type { Redis } from 'ioredis';

const endStates = ['completed', 'failed', 'cancelled'];

/** One each for the life of a docket. */
const permanent = [
  'sequence',
  'mark',
  'tickets:meta',
  'tickets:id',
  'tickets:pc',
  'tickets:events',
  'tickets:stalled-check',
  'tickets:marker',
];

/** Lists that are there as long as anything lives. */
const whileAnythingLives = [
  'state:scheduled',
  'state:queued',
  'state:running',
  'asked',
  'due',
  'tickets:wait',
  'tickets:prioritized',
  'tickets:active',
  'tickets:stalled',
  'tickets:delayed',
];

/** Everything of a docket as it was at one moment. */
class Contents {
  private constructor(
    /** The time of that moment, by Redis. */
    readonly now: number,
    private readonly prefix: string,
    private readonly values: ReadonlyMap<string, { readonly value: unknown; readonly life: number }>,
  ) {}

  static async of(redis: Redis, prefix: string): Promise<Contents> {
    const keys = await keysOf(redis, prefix);
    const types = await Promise.all(keys.map((key) => redis.type(key)));
    const batch = redis.multi().time();
    keys.forEach((key, index) => {
      batch.pttl(key);
      const type = types[index];
      if (type === 'hash') batch.hgetall(key);
      else if (type === 'zset') batch.zrange(key, '0', '-1', 'WITHSCORES');
      else if (type === 'set') batch.smembers(key);
      else if (type === 'list') batch.lrange(key, 0, -1);
      else if (type === 'string') batch.get(key);
      else batch.exists(key);
    });
    const [time, ...replies] = ((await batch.exec()) ?? []).map(([, value]) => value);
    const [seconds, micros] = (time as string[]).map(Number) as [number, number];
    const values = new Map<string, { value: unknown; life: number }>();
    keys.forEach((key, index) => {
      const life = Number(replies[2 * index]);
      // It has gone since the keys were listed.
      if (life !== -2) values.set(key, { value: replies[2 * index + 1], life });
    });
    return new Contents(seconds * 1_000 + Math.floor(micros / 1_000), prefix, values);
  }

  /** The keys that do not expire. */
  get lasting(): string[] {
    return [...this.values].filter(([, { life }]) => life === -1).map(([key]) => key);
  }

  /** What follows `part` in the names that begin with that. */
  named(part: string): string[] {
    const start = `${this.prefix}:${part}`;
    return [...this.values.keys()].filter((key) => key.startsWith(start)).map((key) => key.slice(start.length));
  }

  hash(name: string): Readonly<Record<string, string>> {
    return (this.at(name) ?? {}) as Record<string, string>;
  }

  members(name: string): readonly string[] {
    return (this.at(name) ?? []) as string[];
  }

  text(name: string): string | undefined {
    return this.at(name) as string | undefined;
  }

  /** Members with their scores. */
  scores(name: string): ReadonlyMap<string, number> {
    const all = this.members(name);
    return new Map(
      Array.from({ length: all.length / 2 }, (_, index) => [all[2 * index]!, Number(all[2 * index + 1])] as const),
    );
  }

  private at(name: string): unknown {
    return this.values.get(`${this.prefix}:${name}`)?.value;
  }
}

/** Keys that neither expire nor belong to what lives, and members of lists that name what is not there (any more). */
export async function leaks(redis: Redis, prefix: string): Promise<string[]> {
  const contents = await Contents.of(redis, prefix);
  return [...lastingKeys(contents, prefix), ...strayMembers(contents)];
}

function lastingKeys(contents: Contents, prefix: string): string[] {
  const live: string[] = [];
  const owned: string[] = [];
  for (const name of contents.named('execution:')) {
    const { state = '', owner, ticket, session, client, gate, component } = contents.hash(`execution:${name}`);
    if (endStates.includes(state)) continue;
    live.push(`execution:${name}`, `questions:${name}`);
    owned.push(`tasks:${owner}`, `ended:${owner}`, `open:${owner}`, `session-tasks:${session}`, `tickets:t${ticket}`);
    if (client !== undefined && client !== owner) owned.push(`open:client:${client}`);
    if (gate !== undefined) owned.push(`gate:limits:${component}`, `gate:${gate}:${component}`);
    if (gate === 'unknown') owned.push('unknown');
  }
  const schedules = [...contents.scores('schedules').keys()];
  const allowed = new Set(
    [
      ...permanent,
      ...(live.length > 0 ? whileAnythingLives : []),
      ...(schedules.length > 0 ? ['schedules', ...schedules.map((id) => `schedule:${id}`)] : []),
      ...live,
      ...owned,
    ].map((name) => `${prefix}:${name}`),
  );
  return contents.lasting.filter((key) => !allowed.has(key));
}

/** Each as the list and its member. */
function strayMembers(contents: Contents): string[] {
  const { now } = contents;
  const stray: string[] = [];
  const expect = (holds: boolean, list: string, member: string): void => {
    if (!holds) stray.push(`${list} ∋ ${member}`);
  };
  const record = (key: string): Readonly<Record<string, string>> => contents.hash(`execution:${key}`);
  const isLive = (key: string): boolean => ![...endStates, undefined].includes(record(key)['state']);

  // What has expired is taken off the lists a little later.
  const expiring = contents.scores('expiring');
  const expired = (list: ReadonlyMap<string, number>, key: string): boolean => (list.get(key) ?? Infinity) <= now + 1;
  for (const state of ['scheduled', 'queued', 'running', ...endStates]) {
    for (const key of contents.scores(`state:${state}`).keys()) {
      expect(record(key)['state'] === state || expired(expiring, key), `state:${state}`, key);
    }
  }
  for (const key of expiring.keys()) {
    expect(endStates.includes(record(key)['state'] ?? '') || expired(expiring, key), 'expiring', key);
  }

  for (const owner of contents.named('tasks:')) {
    const ended = contents.scores(`ended:${owner}`);
    const keys = [...contents.scores(`tasks:${owner}`).keys()];
    for (const key of keys) {
      const { owner: its, session } = record(key);
      expect((its === owner && session !== undefined) || expired(ended, key), `tasks:${owner}`, key);
    }
    for (const key of ended.keys()) expect(keys.includes(key) && !isLive(key), `ended:${owner}`, key);
    const open = Number(contents.text(`open:${owner}`) ?? 0);
    expect(open === keys.filter(isLive).length, `open:${owner}`, String(open));
  }
  for (const session of contents.named('session-tasks:')) {
    for (const key of contents.members(`session-tasks:${session}`)) {
      expect(isLive(key) && record(key)['session'] === session, `session-tasks:${session}`, key);
    }
  }

  const isOpen = (key: string, name: string): boolean => {
    const questions = contents.hash(`questions:${key}`);
    return isLive(key) && `q:${name}` in questions && !(`a:${name}` in questions);
  };
  for (const member of contents.members('asked')) {
    const [, name = '', key = ''] = /^([^:]*):(.*)$/s.exec(member) ?? [];
    expect(isOpen(key, name), 'asked', member);
  }
  for (const member of contents.scores('due').keys()) {
    const [, kind, name = '', key = ''] = /^(.):([^:]*):(.*)$/s.exec(member) ?? [];
    const { state, ticket } = record(key);
    if (kind === 'q') expect(isOpen(key, name), 'due', member);
    else if (kind === 'x') expect(state === 'scheduled', 'due', member);
    else if (kind === 't') expect(state === 'queued' && ticket === name, 'due', member);
    else expect(contents.scores(`gate:${kind === 'g' ? 'blocked' : 'unknown'}:${key}`).size > 0, 'due', member);
  }
  for (const key of contents.named('questions:')) expect(isLive(key), 'questions', key);

  for (const gate of ['running', 'called', 'blocked', 'unknown']) {
    for (const component of contents.named(`gate:${gate}:`)) {
      const name = `gate:${gate}:${component}`;
      const isOrdered = gate === 'blocked' || gate === 'unknown';
      const members = isOrdered ? [...contents.scores(name).keys()] : contents.members(name);
      for (const member of members) {
        const key = isOrdered ? member.replace(/^\d+:/, '') : member;
        expect(record(key)['gate'] === gate && record(key)['component'] === component, name, member);
      }
    }
  }
  for (const id of contents.scores('schedules').keys()) {
    expect('@when' in contents.hash(`schedule:${id}`), 'schedules', id);
  }
  return stray;
}

/** The keys of a docket. */
export async function keysOf(redis: Redis, prefix: string): Promise<string[]> {
  const found = new Set<string>();
  // The braces are part of the name here, and so are the characters that mean something to a pattern.
  const match = `${prefix.replace(/[[\]*?\\^]/g, '\\$&')}:*`;
  for await (const keys of redis.scanStream({ match, count: 1_000 })) {
    for (const key of keys as string[]) found.add(key);
  }
  return [...found];
}
