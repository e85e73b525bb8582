--[[
Finds the components that a process runs, and gives up their leases if asked, so that others take the runs at their next look.

KEYS      1: prefix of the docket, for alive execution line prioritized queue sign signs
ARGV      process; '1' to give up the leases, '0' only to look; then ids of active jobs
Returns   the components
Must not  give up the lease of another process
Options   alone
]]
--- @include "line/take"
--- @include "lib/alive"

local components, known = {}, {}
for i = 3, #ARGV do
  local id = ARGV[i]
  local lock = redis.call('GET', queueKey(id .. ':lock'))
  if lock and nodeOf(lock) == ARGV[1] then
    local ticket = ticketIn(redis.call('HGET', queueKey(id), 'data') or '')
    local component = redis.call('HGET', executionKey(ticket.key), 'component')
    if component and not known[component] then
      known[component] = true
      components[#components + 1] = component
    end
    if ARGV[2] == '1' then redis.call('DEL', queueKey(id .. ':lock')) end
  end
end
return components
