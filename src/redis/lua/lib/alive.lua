--[[
Which processes are alive.
]]
--- @include "lib/values"

-- The process of a connection, or of a lock.
local function nodeOf(place) return string.match(place, '^(.*)/') or '' end

-- Whether a process is alive. If no process has sent a heartbeat for a whole TTL, Redis itself was unreachable. Processes then
-- get time to send one, and keep what they hold.
local function isAlive(node)
  -- A damaged one is replaced by the next heartbeat.
  local sign = redis.pcall('GET', aliveKey(node))
  if sign then return sign ~= 'gone' end
  local untold = redis.call('GET', signsKey())
  return not untold or now < tonumber(untold)
end

-- Whether the process of a connection is alive.
local function isThere(place) return nodeOf(place) ~= '' and isAlive(nodeOf(place)) end
