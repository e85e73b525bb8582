--[[
Removes a process from those that wait for the end of an execution.

KEYS      1: prefix of the docket, for execution
ARGV      process; key
Returns   nothing of use
Must not  remove other processes
]]

local node, x = ARGV[1], executionKey(ARGV[2])
local others = {}
for other in string.gmatch(redis.call('HGET', x, 'awaitedBy') or '', '%S+') do
  if other ~= node then others[#others + 1] = other end
end
if others[1] then return redis.call('HSET', x, 'awaitedBy', table.concat(others, ' ')) end
return redis.call('HDEL', x, 'awaitedBy')
