--[[
Sessions: what processes hear of them, who holds them, and their tasks.
]]
--- @include "lib/alive"
--- @include "lib/post"

-- Publishes news to every process that serves a session.
local function spread(session, from, kind, value)
  local entry = { '@event', 'session', '@session', session, '@from', from, '@type', kind, '@value', value }
  for _, node in ipairs(redis.call('SMEMBERS', sessionWatchKey(session))) do
    if not post(node, entry) then redis.call('SREM', sessionWatchKey(session), node) end
  end
  return 1
end

-- Makes a connection the holder, or none. The changes are counted, which orders news: a process may hear of an earlier change
-- by others after the reply to a later one of its own.
local function becomeHolder(session, from, holder)
  redis.call('HSET', sessionKey(session), 'holder', holder)
  local number = redis.call('HINCRBY', sessionKey(session), 'holds', 1)
  spread(session, from, 'held', number .. ' ' .. holder)
  return number
end

-- How long tasks of a session that ended unnoticed are remembered, in milliseconds.
local MISSED_TTL = 3600000

-- Removes an ended task from its session. If the session had a holder that is now gone, the task is remembered.
local function leaveSession(session, key)
  redis.call('SREM', sessionTasksKey(session), key)
  local holder = redis.call('HGET', sessionKey(session), 'holder')
  if not holder or isThere(holder) then return end
  redis.call('RPUSH', missedKey(session), key)
  redis.call('LTRIM', missedKey(session), -ENDS_KEPT, -1)
  redis.call('PEXPIRE', missedKey(session), MISSED_TTL)
end
