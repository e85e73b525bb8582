--[[
Reads the time of Redis.

KEYS      1: prefix of the docket
ARGV      none
Returns   milliseconds
Must not  write
]]
--- @include "lib/values"

return text(now)
