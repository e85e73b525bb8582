--[[
Acknowledges a job, locks the next one, if there is one, and acquires its run.

KEYS      1: prefix of the docket, for allWatch crashes due ended execution expiring fill gate inbox isolated keyWatch line node open prioritized queue sequence sessionWatch sign state tasks unknown
ARGV      job id; its lock; the duration of the lock; worker; process; run; limits as in claim()
Returns   as runs/acquire-first.lua
Must not  take a job for a worker that has lost its lock
Options   packed
]]
--- @include "lib/state"
--- @include "line/next-run"

return { follow(ARGV, 1), called }
