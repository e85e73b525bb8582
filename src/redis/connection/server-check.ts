/** The oldest Redis with all commands that the engine uses. Valkey started at 7.2. */
const oldestVersion = [6, 2] as const;

/** Reasons not to use a server as the Redis of a docket. */
export interface ServerFaults {
  /** Why the server cannot be used. */
  readonly fault?: string;
  /** A risk in its configuration. */
  readonly warning?: string;
}

/** Checks the answer to `INFO`. */
export function serverFaults(info: string): ServerFaults {
  const field = (name: string): string | undefined => new RegExp(`^${name}:([^\\r\\n]*)`, 'm').exec(info)?.[1];
  // Valkey reports the version of Redis that it is compatible with, besides its own.
  const version = field('redis_version') ?? field('valkey_version') ?? '';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldest, oldestMinor] = oldestVersion;
  if (major < oldest || (major === oldest && minor < oldestMinor)) {
    return { fault: `is version ${version || 'unknown'}; the docket needs ${oldestVersion.join('.')} or later` };
  }
  if (field('role') === 'slave') {
    return { fault: 'is a replica, which is read-only. Pass the address of its master or of Sentinels' };
  }
  const policy = field('maxmemory_policy');
  if (policy === undefined || policy === 'noeviction') return {};
  return {
    warning:
      `The Redis of the docket has the maxmemory-policy ${policy}: when its memory is full, it silently evicts tasks. ` +
      'Set maxmemory-policy noeviction.',
  };
}
