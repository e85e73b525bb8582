--[[
Acquires the run of a job that BullMQ has locked.

KEYS      1: prefix of the docket, for allWatch crashes due ended execution expiring fill gate inbox isolated keyWatch line node open queue sequence sessionWatch sign state tasks unknown
ARGV      key; job number; process; run; limits as in claim()
Returns   a status; the record, or the milliseconds until the window of the rate ends; the admitted executions
Must not  run a job that is not the latest of its execution, or count a loss twice
Options   packed
]]
--- @include "lib/state"
--- @include "line/claim"

local verdict, value = claim(ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV, 5)
return { verdict, value or false, called }
