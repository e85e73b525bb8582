--[[
Finds the processes that are gone.

KEYS      1: prefix of the docket, for alive signs
ARGV      processes
Returns   those whose heartbeat has expired
Must not  write
]]
--- @include "lib/alive"

local gone = {}
for _, node in ipairs(ARGV) do
  if not isAlive(node) then gone[#gone + 1] = node end
end
return gone
