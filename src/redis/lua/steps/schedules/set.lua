--[[
Sets a schedule. Each process does so at its start; the same timetable keeps its tick.

KEYS      1: prefix of the docket, for schedule schedules
ARGV      id; timetable; the next tick if the timetable is new; then fields of the executions
Returns   the next tick; the milliseconds until then
Must not  move the tick of a timetable that is unchanged
]]
--- @include "lib/damage"
--- @include "lib/values"

local id, when = ARGV[1], ARGV[2]
local s = scheduleKey(id)
-- A damaged one is replaced.
local known = sound(redis.pcall('HMGET', s, '@when', '@next')) or {}
local isSame = known[1] == when and tonumber(known[2])
local following = isSame and known[2] or ARGV[3]
redis.call('DEL', s)
redis.call('HSET', s, '@when', when, '@next', following, unpack(ARGV, 4))
if isSame then redis.call('ZADD', schedulesKey(), 'NX', following, id) else redis.call('ZADD', schedulesKey(), following, id) end
return { following, text(math.max(following - now, 0)) }
