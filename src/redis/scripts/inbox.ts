import { endFields } from '../../docket/engine/record.js';
import { Script } from './script.js';

/** The set of the processes that watch a subject. */
const watchSet = `
local function watchSet(kind, name)
  if kind == 'all' then return allWatchKey() end
  return kind == 'key' and keyWatchKey(name) or sessionWatchKey(name)
end`;

/** ARGV: the process, the number of the last entry that it has seen, how long it is taken to live without a sign. Numbers do not go back. */
export const joinScript = new Script(`
local node = ARGV[1]
local number = math.max(tonumber(redis.call('GET', nodeKey(node)) or 0), tonumber(ARGV[2]))
redis.call('SET', nodeKey(node), text(number), 'PX', ARGV[3])
post(node, { '@event', 'joined' })
redis.call('PEXPIRE', inboxKey(node), ARGV[3])
return 1
`);

/** ARGV: the process, how long it lives on, the id up to which it has read. 0 when it was taken for dead. */
export const beatScript = new Script(`
local node = ARGV[1]
if redis.call('PEXPIRE', nodeKey(node), ARGV[2]) == 0 then return 0 end
redis.call('PEXPIRE', inboxKey(node), ARGV[2])
redis.call('XTRIM', inboxKey(node), 'MINID', '~', ARGV[3])
return 1
`);

/** ARGV: the process, how long a watch lives without being renewed, then pairs of 'key', 'session' or 'all' and a name. Gives the number of the last entry that was sent. */
export const watchScript = new Script(`${watchSet}
for i = 3, #ARGV, 2 do
  local set = watchSet(ARGV[i], ARGV[i + 1])
  redis.call('SADD', set, ARGV[1])
  redis.call('PEXPIRE', set, ARGV[2])
end
return { redis.call('GET', nodeKey(ARGV[1])) }
`);

/**
 * ARGV: the process, key. Gives the number of the last entry that was sent, and how the execution stands. Who is told of the
 * end is forgotten with that.
 */
export const watchEndScript = new Script(
  `
local node, x = ARGV[1], executionKey(ARGV[2])
local stands = redis.call('HMGET', x, ${endFields.map((field) => `'${field}'`).join(', ')}, 'awaitedBy')
local awaitedBy = table.remove(stands)
if stands[1] and not terminal[stands[1]] and not string.find(awaitedBy or '', node, 1, true) then
  -- Who was taken for dead and is not says again for what it waits.
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

/** ARGV: the process, key. */
export const unwatchEndScript = new Script(`
local node, x = ARGV[1], executionKey(ARGV[2])
local others = {}
for other in string.gmatch(redis.call('HGET', x, 'awaitedBy') or '', '%S+') do
  if other ~= node then others[#others + 1] = other end
end
if others[1] then return redis.call('HSET', x, 'awaitedBy', table.concat(others, ' ')) end
return redis.call('HDEL', x, 'awaitedBy')
`);

/** ARGV: the process, 'key', 'session' or 'all', the name. */
export const unwatchScript = new Script(`${watchSet}
return redis.call('SREM', watchSet(ARGV[2], ARGV[3]), ARGV[1])
`);

/** ARGV: the process. */
export const leaveScript = new Script(`return redis.call('DEL', nodeKey(ARGV[1]), inboxKey(ARGV[1]))`);
