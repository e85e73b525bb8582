--[[
Clears the component of an isolated run that has killed no worker.

KEYS      1: prefix of the docket, for crashes due execution gate isolated queue sequence unknown
ARGV      key; run
Returns   the admitted executions
Must not  clear a component for a run that is not isolated
]]
--- @include "lib/record"
--- @include "lib/state"
--- @include "line/isolation"

local x = executionKey(ARGV[1])
if not owns(x, ARGV[2]) or not facts(x).isolated then return { called } end
exonerate(facts(x).component)
drop(x, 'isolated')
return { called }
