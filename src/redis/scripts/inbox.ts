import { endFields } from '../../docket/engine/record.js';
import { Script } from './script.js';

/** The set of the processes that watch a subject. */
const watchSet = `
local function watchSet(kind, name)
  if kind == 'all' then return allWatchKey() end
  return kind == 'key' and keyWatchKey(name) or sessionWatchKey(name)
end`;

/** Registers a process. ARGV: the process, the number of the last message it has seen, its TTL. Numbers never decrease. */
export const joinScript = new Script(`
local node = ARGV[1]
local number = math.max(tonumber(redis.call('GET', nodeKey(node)) or 0), tonumber(ARGV[2]))
redis.call('SET', nodeKey(node), text(number), 'PX', ARGV[3])
post(node, { '@event', 'joined' })
redis.call('PEXPIRE', inboxKey(node), ARGV[3])
return 1
`);

/** Heartbeat of a process. ARGV: the process, its TTL, the id of the last message it has read. Returns 0 if it counted as dead. */
export const renewInboxScript = new Script(`
local node = ARGV[1]
if redis.call('PEXPIRE', nodeKey(node), ARGV[2]) == 0 then return 0 end
redis.call('PEXPIRE', inboxKey(node), ARGV[2])
redis.call('XTRIM', inboxKey(node), 'MINID', '~', ARGV[3])
return 1
`);

/**
 * Adds or renews watches. ARGV: the process, the TTL of a watch, then pairs of 'key', 'session' or 'all' and a name. Returns
 * the number of the last message sent to the process.
 */
export const watchScript = new Script(`${watchSet}
for i = 3, #ARGV, 2 do
  local set = watchSet(ARGV[i], ARGV[i + 1])
  redis.call('SADD', set, ARGV[1])
  redis.call('PEXPIRE', set, ARGV[2])
end
return { redis.call('GET', nodeKey(ARGV[1])) }
`);

/**
 * Registers a process for the end of an execution, which also ends the registration. ARGV: the process, key. Returns the
 * number of the last message sent to the process, and the state of the execution.
 */
export const watchEndScript = new Script(
  `
local node, x = ARGV[1], executionKey(ARGV[2])
local stands = redis.call('HMGET', x, ${endFields.map((field) => `'${field}'`).join(', ')}, 'awaitedBy')
local awaitedBy = table.remove(stands)
if stands[1] and not terminal[stands[1]] and not string.find(awaitedBy or '', node, 1, true) then
  -- Dead processes are dropped. One that only counted as dead registers again.
  local nodes = { node }
  for other in string.gmatch(awaitedBy or '', '%S+') do
    if redis.call('EXISTS', nodeKey(other)) == 1 then nodes[#nodes + 1] = other end
  end
  redis.call('HSET', x, 'awaitedBy', table.concat(nodes, ' '))
end
return { redis.call('GET', nodeKey(node)), stands }
`,
  { packed: true },
);

/** Removes a process from those that wait for the end of an execution. ARGV: the process, key. */
export const unwatchEndScript = new Script(`
local node, x = ARGV[1], executionKey(ARGV[2])
local others = {}
for other in string.gmatch(redis.call('HGET', x, 'awaitedBy') or '', '%S+') do
  if other ~= node then others[#others + 1] = other end
end
if others[1] then return redis.call('HSET', x, 'awaitedBy', table.concat(others, ' ')) end
return redis.call('HDEL', x, 'awaitedBy')
`);

/** Removes a watch. ARGV: the process, 'key', 'session' or 'all', the name. */
export const unwatchScript = new Script(`${watchSet}
return redis.call('SREM', watchSet(ARGV[2], ARGV[3]), ARGV[1])
`);

/** Removes a process. ARGV: the process. */
export const leaveScript = new Script(`return redis.call('DEL', nodeKey(ARGV[1]), inboxKey(ARGV[1]))`);
