--[[
Reads who holds a session.

KEYS      1: prefix of the docket, for alive session signs
ARGV      session
Returns   the number of changes of its holder; the holder if its process is alive, or ''
Must not  write
]]
--- @include "lib/alive"

local found = redis.call('HMGET', sessionKey(ARGV[1]), 'holds', 'holder')
return { tonumber(found[1] or 0), found[2] and isThere(found[2]) and found[2] or '' }
