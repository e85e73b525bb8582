--[[
Sets a schedule. Each process does so at its start; the same timetable keeps its tick.

KEYS      1: prefix of the docket, for fill inbox node schedule schedules unscheduled
ARGV      process; id; timetable; the next tick if the timetable is new; then fields of the executions
Returns   the next tick; the milliseconds until then; the number of the last message sent to the process
Must not  move the tick of a timetable that is unchanged
]]
--- @include "lib/damage"
--- @include "lib/declared"
--- @include "lib/values"

local node, id, when = ARGV[1], ARGV[2], ARGV[3]
local s = scheduleKey(id)
-- A damaged one is replaced.
local known = sound(redis.pcall('HMGET', s, '@when', '@next', '@by')) or {}
local isSame = known[1] == when and tonumber(known[2])
local following, by = ARGV[4], ''
if isSame then
  following, by = known[2], known[3]
else
  tellDeclared(known[3], node, 'rescheduled', id)
end
redis.call('DEL', s, unscheduledKey(id))
redis.call('HSET', s, '@when', when, '@next', following, '@by', declaredBy(by, node), unpack(ARGV, 5))
if isSame then redis.call('ZADD', schedulesKey(), 'NX', following, id) else redis.call('ZADD', schedulesKey(), following, id) end
return { following, text(math.max(following - now, 0)), redis.call('GET', nodeKey(node)) }
