--[[
Cancels an execution.

KEYS      1: prefix of the docket, for alive allWatch asked due ended execution expiring fill gate inbox keyWatch missed node open questions queue sequence session sessionTasks sessionWatch signs state tasks unknown
ARGV      request; key; its generation or ''; '1' if there is a reason; the reason
Returns   a status; the number of its job if it was waiting; the admitted executions
Must not  end what has ended: a request that is sent again gets the same answer
]]
--- @include "lib/finish"
--- @include "lib/post"
--- @include "lib/record"
--- @include "lib/state"

local request, key = ARGV[1], ARGV[2]
local x = executionKey(key)
local record = facts(x)
refuseBroken(x)
if not record.state then return { 'unknown' } end
if ARGV[3] ~= '' and record.generation ~= ARGV[3] then return { 'unknown' } end
if record.settledBy == request then return { 'cancelled', record.ticket } end
if terminal[record.state] then return { 'terminal' } end
local run, node, ticket = record.run, record.node, record.ticket
if ARGV[4] == '1' then
  finish(x, key, request, 'cancelled', 'reason', ARGV[5])
else
  finish(x, key, request, 'cancelled')
end
if run then
  post(node, { '@event', 'revoke', '@run', run, '@why', 'cancelled' })
  return { 'cancelled', false, called }
end
return { 'cancelled', ticket, called }
