--[[
Confirms a job at the front of the waiting list, and sorts the front: a job that waits again precedes younger jobs of its priority,
but not older ones that wait again too.

KEYS      1: prefix of the docket, for due execution line prioritized queue sequence
ARGV      job number; key
Returns   1, or 0 if nothing needs the job any more and the process is to remove it
Must not  sort more than LONGEST_FRONT jobs; later ones may be a little early
]]
--- @include "lib/values"
--- @include "line/jobs"

-- How many jobs that wait again are kept in order.
local LONGEST_FRONT = 1000

local ticket, key = ARGV[1], ARGV[2]
redis.call('ZREM', dueKey(), 't:' .. ticket .. ':' .. key)
if isVain(key, ticket) then return 0 end
local priority = tonumber(redis.call('HGET', executionKey(key), 'priority') or 0)
if priority > 0 then
  -- BullMQ sorts by priority and then by a counter that begins at 1. Equal scores are sorted by name.
  redis.call('ZADD', prioritizedKey(), 'XX', text(priority * 4294967296), 't' .. ticket)
  return 1
end
-- The last job of the list is the next. A dot in the number marks a job that waits again.
local again, sorted = {}, true
for _, job in ipairs(redis.call('LRANGE', lineKey(), -LONGEST_FRONT, -1)) do
  if string.find(job, '.', 1, true) then
    if again[1] and again[#again] < job then sorted = false end
    again[#again + 1] = job
  else
    again, sorted = {}, true
  end
end
if sorted then return 1 end
table.sort(again, function(a, b) return a > b end)
redis.call('LTRIM', lineKey(), 0, -#again - 1)
redis.call('RPUSH', lineKey(), unpack(again))
return 1
