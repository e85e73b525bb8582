import { Script } from './script.js';

/** Saves a session. ARGV: session, connection id, owner, client, TTL. */
export const saveSessionScript = new Script(`
local s = sessionKey(ARGV[1])
redis.call('HSET', s, 'user', ARGV[2], 'owner', ARGV[3], 'client', ARGV[4])
return redis.call('PEXPIRE', s, ARGV[5])
`);

/** ARGV: session. Returns its owner and its client. */
export const findSessionScript = new Script(`return redis.call('HMGET', sessionKey(ARGV[1]), 'owner', 'client')`);

/** Renews a session. ARGV: session, connection id, TTL. Returns 0 if it has ended. */
export const keepSessionScript = new Script(`
local s = sessionKey(ARGV[1])
if redis.call('PEXPIRE', s, ARGV[3]) == 0 then return 0 end
redis.call('HSET', s, 'user', ARGV[2])
return 1
`);

/** Replaces the client of a session. ARGV: session, connection id, client. */
export const changeSessionScript = new Script(`
if redis.call('EXISTS', sessionKey(ARGV[1])) == 0 then return 0 end
redis.call('HSET', sessionKey(ARGV[1]), 'client', ARGV[3])
spread(ARGV[1], ARGV[2], 'changed', ARGV[3])
return 1
`);

/** Ends a session. ARGV: session, the connection that must have used it last or ''. */
export const endSessionScript = new Script(`
local s = sessionKey(ARGV[1])
if ARGV[2] ~= '' and redis.call('HGET', s, 'user') ~= ARGV[2] then return 0 end
if redis.call('DEL', s, missedKey(ARGV[1])) > 0 then spread(ARGV[1], '', 'ended', '') end
return 1
`);

/** Publishes a message to the other connections. ARGV: session, connection id, message. */
export const publishSessionScript = new Script(`return spread(ARGV[1], ARGV[2], 'message', ARGV[3])`);

/**
 * Counts the changes of a session's holder. The count orders news: a process may hear of an earlier change by others after
 * the reply to a later one of its own.
 */
const becomeHolder = `
local function becomeHolder(holder)
  local s = sessionKey(ARGV[1])
  redis.call('HSET', s, 'holder', holder)
  local number = redis.call('HINCRBY', s, 'holds', 1)
  spread(ARGV[1], ARGV[2], 'held', number .. ' ' .. holder)
  return number
end`;

/** ARGV: session. Returns the number of changes of its holder, and the holder if its process is alive. */
export const holderScript = new Script(`
local found = redis.call('HMGET', sessionKey(ARGV[1]), 'holds', 'holder')
return { tonumber(found[1] or 0), found[2] and isThere(found[2]) and found[2] or '' }
`);

/**
 * Makes a connection the holder. ARGV: session, connection id. Returns the number of changes of its holder, or 0 if there is
 * no such session; then the open tasks, with those that ended unnoticed.
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

/** Ends the hold of a connection. ARGV: session, connection id. */
export const leaveSessionScript = new Script(`${becomeHolder}
if redis.call('HGET', sessionKey(ARGV[1]), 'holder') ~= ARGV[2] then return 0 end
return becomeHolder('')
`);

/** Returns the keys of a session's open tasks. ARGV: session. */
export const openTasksScript = new Script(`return redis.call('SMEMBERS', sessionTasksKey(ARGV[1]))`);
