--[[
Makes a tick, if no process has done so yet.

KEYS      1: prefix of the docket, for allWatch due ended execution expiring fill inbox keyWatch line node open queue schedule schedules sequence sessionWatch state tasks
ARGV      id; timetable; the tick that is due; the following tick
Returns   the job of the execution, if there is one
Must not  make a tick twice, or add a call while the one before is alive
]]
--- @include "lib/create"
--- @include "lib/record"
--- @include "lib/values"

local id, following = ARGV[1], tonumber(ARGV[4])
local s = scheduleKey(id)
local known = redis.call('HMGET', s, '@when', '@next')
if known[1] ~= ARGV[2] or known[2] ~= ARGV[3] or tonumber(known[2]) > now then return false end
if following <= now then
  -- So late that the following tick has passed as well. The next check computes it anew.
  redis.call('ZADD', schedulesKey(), text(now), id)
  return false
end
redis.call('HSET', s, '@next', text(following))
redis.call('ZADD', schedulesKey(), text(following), id)
local x = executionKey(id)
if alive[facts(x).state] then return false end
local fields, all = {}, redis.call('HGETALL', s)
for i = 1, #all, 2 do
  if string.sub(all[i], 1, 1) ~= '@' then
    fields[#fields + 1] = all[i]
    fields[#fields + 1] = all[i + 1]
  end
end
return create(x, id, 0, fields)
