--[[
Records that an isolated run begins, with nothing beside it in its worker.

KEYS      1: prefix of the docket, for execution
ARGV      key; run; '1' if the process also serves clients or other workers
Returns   1, or 0 if the run was lost meanwhile
Must not  write for a run that has lost its execution
]]
--- @include "lib/record"

local x = executionKey(ARGV[1])
if not owns(x, ARGV[2]) then return 0 end
note(x, 'alone', ARGV[3] == '1' and ARGV[2] .. ' shared' or ARGV[2])
return 1
