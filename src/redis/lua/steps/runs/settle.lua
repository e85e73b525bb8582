--[[
Settles a run: finish, giveUp, retry, handBack, putBack, setAside or vanish.

KEYS      1: prefix of the docket, for alive allWatch asked crashes due ended execution expiring fill gate inbox isolated keyWatch line missed node open questions queue sequence session sessionTasks sessionWatch signs state tasks unknown
ARGV      request; key; run; the kind of settlement; a delay in milliseconds; the state if it ends; then fields of the record
Returns   'settled' or 'lost'; the job of an execution that runs again; the admitted executions
Must not  write for a run that has lost its execution
]]
--- @include "lib/events"
--- @include "lib/finish"
--- @include "lib/lists"
--- @include "lib/record"
--- @include "lib/state"
--- @include "lib/values"
--- @include "line/gates"
--- @include "line/isolation"
--- @include "line/jobs"
--- @include "line/queue"

local request, key, run, how, delay = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local x = executionKey(key)
local record = facts(x)
if record.run ~= run then
  -- The reply to this very step was lost and the command was sent again.
  if record.settledBy == request then return { 'settled', record.gate ~= 'unknown' and ticketOf(x) or false } end
  return { 'lost' }
end
if record.isolated and (how == 'finish' or how == 'retry') then exonerate(record.component) end
if how == 'finish' or how == 'giveUp' then
  finish(x, key, request, unpack(ARGV, 6))
  return { 'settled', false, called }
end
if record.gate then gates(record.component)[(how == 'putBack' or how == 'setAside') and 'undo' or 'leave'](x, key) end
write(x, 'settledBy', request, unpack(ARGV, 6))
if how == 'handBack' or how == 'putBack' or how == 'setAside' then write(x, 'attempt', num(record.attempt, 1) - 1) end
if how == 'setAside' then
  drop(x, 'run', 'node', 'isolated')
  become(x, key, 'queued')
  gates(record.component).setAside(x, key)
  emit(x, 'state')
  return { 'settled', false, called }
end
if how == 'vanish' then write(x, 'losses', num(record.losses, 0) + 1) end
local place = nil
if how == 'handBack' or how == 'vanish' then
  write(x, 'redelivered', 1)
  place = placeOf(record.ticket)
end
return { 'settled', enqueue(x, key, delay > 0 and now + delay or 0, newTicket(place)), called }
