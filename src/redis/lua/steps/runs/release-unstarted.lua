--[[
Undoes the acquisition of a run that never began.

KEYS      1: prefix of the docket, for allWatch due ended execution expiring fill gate inbox keyWatch node open queue sequence sessionWatch state tasks unknown
ARGV      key; run
Returns   the admitted executions
Must not  count the run as an attempt, or change the execution of another run
]]
--- @include "lib/events"
--- @include "lib/lists"
--- @include "lib/record"
--- @include "lib/state"
--- @include "lib/values"
--- @include "line/gates"

local key, run = ARGV[1], ARGV[2]
local x = executionKey(key)
if not owns(x, run) then return { called } end
local record = facts(x)
if record.gate then gates(record.component).undo(x, key) end
drop(x, 'run', 'node', 'isolated')
become(x, key, 'queued', 'attempt', num(record.attempt, 1) - 1)
emit(x, 'state')
return { called }
