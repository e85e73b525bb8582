--[[
Restores a schedule that a process has declared, if Redis has lost the docket since then, and registers the process.

KEYS      1: prefix of the docket, for fill inbox mark node schedule schedules unscheduled
ARGV      process; the mark of the docket that it knows; id; timetable; the next tick; then fields of the executions
Returns   'restored', 'kept' or 'gone'; the milliseconds until the next tick; the number of the last message sent to the process
Must not  bring back what somebody has deleted or replaced
]]
--- @include "lib/damage"
--- @include "lib/declared"
--- @include "lib/values"

local node, mark, id, when, following = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local s = scheduleKey(id)
-- A damaged one is replaced.
local known = sound(redis.pcall('HMGET', s, '@when', '@by')) or {}
local number = redis.call('GET', nodeKey(node))
if known[1] then
  if known[1] ~= when then return { 'gone', '', number } end
  redis.call('HSET', s, '@by', declaredBy(known[2], node))
  return { 'kept', '', number }
end
if redis.call('GET', markKey()) == mark or redis.call('EXISTS', unscheduledKey(id)) == 1 then
  return { 'gone', '', number }
end
redis.call('DEL', s)
redis.call('HSET', s, '@when', when, '@next', following, '@by', node, unpack(ARGV, 6))
redis.call('ZADD', schedulesKey(), following, id)
return { 'restored', text(math.max(following - now, 0)), number }
