--[[
Reads the live workers.

KEYS      1: prefix of the docket, for worker workers
ARGV      none
Returns   for each its id, start time, description, and how many calls run and wait
Must not  write
]]
--- @include "lib/damage"
--- @include "lib/values"

local all = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', workersKey(), text(now), '+inf')) do
  local fields = sound(redis.pcall('HMGET', workerKey(id), 'startedAt', 'facts', 'running', 'waiting'))
  if not fields then
    all[#all + 1] = { id }
  elseif fields[1] then all[#all + 1] = { id, unpack(fields) } end
end
return all
