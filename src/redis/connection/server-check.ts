/** The oldest Redis that has all the commands that the engine uses. Valkey began with 7.2. */
const oldestVersion = [6, 2] as const;

/** What stands against a server as the Redis of a docket, by its `INFO`. */
export interface ServerFaults {
  /** Why it cannot be one. */
  readonly fault?: string;
  /** What will go wrong one day. */
  readonly warning?: string;
}

/** Looks at the answer to `INFO`. */
export function serverFaults(info: string): ServerFaults {
  const field = (name: string): string | undefined => new RegExp(`^${name}:([^\\r\\n]*)`, 'm').exec(info)?.[1];
  // Valkey says which Redis it is like, and its own version besides.
  const version = field('redis_version') ?? field('valkey_version') ?? '';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldest, oldestMinor] = oldestVersion;
  if (major < oldest || (major === oldest && minor < oldestMinor)) {
    return { fault: `is version ${version || 'unknown'}; the docket needs ${oldestVersion.join('.')} or later` };
  }
  if (field('role') === 'slave') {
    return { fault: 'is a replica, which lets nobody write. Give the address of its master, or that of Sentinels' };
  }
  const policy = field('maxmemory_policy');
  if (policy === undefined || policy === 'noeviction') return {};
  return {
    warning:
      `The Redis of the docket has the maxmemory-policy ${policy}: when its memory is full, it loses tasks without a ` +
      'word. Set maxmemory-policy noeviction.',
  };
}
