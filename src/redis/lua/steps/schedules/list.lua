--[[
Reads all schedules, the next to tick first.

KEYS      1: prefix of the docket, for schedule schedules
ARGV      none
Returns   for each its id, timetable, next tick, component and owner
Must not  write
Options   alone
]]
--- @include "lib/damage"

local all = redis.call('ZRANGE', schedulesKey(), 0, -1)
for i, id in ipairs(all) do
  local known = sound(redis.pcall('HMGET', scheduleKey(id), '@when', '@next', 'component', 'owner')) or {}
  all[i] = { id, unpack(known) }
end
return all
