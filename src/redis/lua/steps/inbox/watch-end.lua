--[[
Registers a process for the end of an execution, which also ends the registration.

KEYS      1: prefix of the docket, for execution node
ARGV      process; key
Returns   the number of the last message sent to the process; the state of the execution
Must not  register for what has ended, or collect processes that are gone
Options   packed
]]
--- @include "lib/record"

local node, x = ARGV[1], executionKey(ARGV[2])
local stands = redis.call('HMGET', x, END_FIELDS, 'awaitedBy')
local awaitedBy = table.remove(stands)
if stands[1] and not terminal[stands[1]] and not string.find(awaitedBy or '', node, 1, true) then
  -- Dead processes are dropped. One that only counted as dead registers again.
  local nodes = { node }
  for other in string.gmatch(awaitedBy or '', '%S+') do
    if redis.call('EXISTS', nodeKey(other)) == 1 then nodes[#nodes + 1] = other end
  end
  redis.call('HSET', x, 'awaitedBy', table.concat(nodes, ' '))
end
return { redis.call('GET', nodeKey(node)), stands }
