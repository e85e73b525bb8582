import { Script } from './script.js';

/** ARGV: session, place, owner, client, how long it is kept. */
export const saveSessionScript = new Script(`
local s = sessionKey(ARGV[1])
redis.call('HSET', s, 'user', ARGV[2], 'owner', ARGV[3], 'client', ARGV[4])
return redis.call('PEXPIRE', s, ARGV[5])
`);

/** ARGV: session. Gives its owner and its client. */
export const findSessionScript = new Script(`return redis.call('HMGET', sessionKey(ARGV[1]), 'owner', 'client')`);

/** ARGV: session, place, how long it is kept. 0 when it has ended. */
export const keepSessionScript = new Script(`
local s = sessionKey(ARGV[1])
if redis.call('PEXPIRE', s, ARGV[3]) == 0 then return 0 end
redis.call('HSET', s, 'user', ARGV[2])
return 1
`);

/** ARGV: session, place, client. */
export const changeSessionScript = new Script(`
if redis.call('EXISTS', sessionKey(ARGV[1])) == 0 then return 0 end
redis.call('HSET', sessionKey(ARGV[1]), 'client', ARGV[3])
spread(ARGV[1], ARGV[2], 'changed', ARGV[3])
return 1
`);

/** ARGV: session, the place that must have used it last or ''. */
export const endSessionScript = new Script(`
local s = sessionKey(ARGV[1])
if ARGV[2] ~= '' and redis.call('HGET', s, 'user') ~= ARGV[2] then return 0 end
if redis.call('DEL', s, missedKey(ARGV[1])) > 0 then spread(ARGV[1], '', 'ended', '') end
return 1
`);

/** ARGV: session, place, what it tells. */
export const tellSessionScript = new Script(`return spread(ARGV[1], ARGV[2], 'message', ARGV[3])`);

/**
 * How often the place that holds a session has changed tells later news from earlier, as a process may hear of what others
 * did after the answer to what it did later itself.
 */
const becomeHolder = `
local function becomeHolder(holder)
  local s = sessionKey(ARGV[1])
  redis.call('HSET', s, 'holder', holder)
  local number = redis.call('HINCRBY', s, 'holds', 1)
  spread(ARGV[1], ARGV[2], 'held', number .. ' ' .. holder)
  return number
end`;

/** ARGV: session. Gives how often its holder has changed, and the place that holds it, where its process is alive. */
export const holderScript = new Script(`
local found = redis.call('HMGET', sessionKey(ARGV[1]), 'holds', 'holder')
return { tonumber(found[1] or 0), found[2] and isThere(found[2]) and found[2] or '' }
`);

/**
 * ARGV: session, place. Gives how often its holder has changed, 0 where it is not kept; then its open tasks, and those of
 * which nobody heard that they ended.
 */
export const holdScript = new Script(`${becomeHolder}
local s = sessionKey(ARGV[1])
local open = redis.call('SMEMBERS', sessionTasksKey(ARGV[1]))
if redis.call('EXISTS', s) == 0 then return { 0, open } end
local missed = redis.call('LRANGE', missedKey(ARGV[1]), 0, -1)
redis.call('DEL', missedKey(ARGV[1]))
for _, key in ipairs(open) do missed[#missed + 1] = key end
return { becomeHolder(ARGV[2]), missed }
`);

/** ARGV: session, place. */
export const leaveSessionScript = new Script(`${becomeHolder}
if redis.call('HGET', sessionKey(ARGV[1]), 'holder') ~= ARGV[2] then return 0 end
return becomeHolder('')
`);

/** ARGV: session. */
export const openTasksScript = new Script(`return redis.call('SMEMBERS', sessionTasksKey(ARGV[1]))`);
