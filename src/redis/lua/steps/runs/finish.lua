--[[
Settles a finished run and does what runs/acquire-next.lua does, in one step.

KEYS      1: prefix of the docket, for alive allWatch asked crashes due ended execution expiring fill gate inbox isolated keyWatch line missed node open prioritized questions queue sequence session sessionTasks sessionWatch sign signs state tasks unknown
ARGV      request; key; run; the number of arguments of the finish; those, as in runs/settle.lua; then the arguments of
          runs/acquire-next.lua
Returns   'settled' or 'lost'; as runs/acquire-next.lua; the admitted executions; why the next run could not be acquired
Must not  fail because of the waiting list: the run has ended
Options   packed
]]
--- @include "lib/finish"
--- @include "lib/record"
--- @include "lib/state"
--- @include "line/isolation"
--- @include "line/next-run"

local request, key, run, last = ARGV[1], ARGV[2], ARGV[3], 4 + tonumber(ARGV[4])
local x = executionKey(key)
local record = facts(x)
local settled = record.run == run
if settled then
  if record.isolated then exonerate(record.component) end
  finish(x, key, request, unpack(ARGV, 5, last))
end
-- The reply to this very step may have been lost and the command sent again.
settled = settled or record.settledBy == request
-- Whatever is wrong with the waiting list, the run has ended.
local done, next = pcall(follow, ARGV, last + 1)
local why = not done and (type(next) == 'table' and next.err or tostring(next))
return { settled and 'settled' or 'lost', done and next, called, why }
