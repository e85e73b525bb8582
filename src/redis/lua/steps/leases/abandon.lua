--[[
Gives up the leases of all runs that a process holds, so that others take them at their next look.

KEYS      1: prefix of the docket, for execution held line prioritized queue sign
ARGV      process; '1' to give up, '0' only to look
Returns   the components of the runs
Must not  give up the lease of another process
Options   alone
]]
--- @include "line/take"

local components, known = {}, {}
local held = redis.call('HGETALL', heldKey(ARGV[1]))
for i = 1, #held, 2 do
  local id, lock = string.match(held[i + 1], '^(%S+) (%S+)$')
  local ticket = ticketIn(redis.call('HGET', queueKey(id), 'data') or '')
  local component = redis.call('HGET', executionKey(ticket.key), 'component')
  if component and not known[component] then
    known[component] = true
    components[#components + 1] = component
  end
  if ARGV[2] == '1' and redis.call('GET', queueKey(id .. ':lock')) == lock then redis.call('DEL', queueKey(id .. ':lock')) end
end
return components
