--[[
Counts the executions of a docket.

KEYS      1: prefix of the docket, for asked ended execution expiring open state tasks workers
ARGV      none
Returns   the number of executions in each state; of open questions; of live workers; the longest wait in milliseconds or ''
Must not  count what has expired, or look at every record
Options   alone
]]
--- @include "lib/damage"
--- @include "lib/lists"
--- @include "lib/values"

-- How many queued executions are examined to find the one that waits longest.
local WAITING_LOOKED_AT = 100

-- Expired executions are not counted. If there are very many, the regular checks remove the rest.
for _ = 1, 20 do if not forgetExpired(500) then break end end
local counts = {}
for i, state in ipairs({ EXECUTION_STATES }) do
  counts[i] = redis.call('ZCARD', stateKey(state))
end
local since
for _, key in ipairs(redis.call('ZRANGE', stateKey('queued'), 0, WAITING_LOOKED_AT - 1)) do
  local at = tonumber(sound(redis.pcall('HGET', executionKey(key), 'dueAt')) or now) or now
  since = math.min(since or at, at)
end
local workers = redis.call('ZCOUNT', workersKey(), text(now), '+inf')
return { counts, redis.call('SCARD', askedKey()), workers, since and text(math.max(now - since, 0)) or '' }
