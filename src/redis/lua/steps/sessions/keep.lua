--[[
Renews a session.

KEYS      1: prefix of the docket, for session
ARGV      session; connection; TTL
Returns   1, or 0 if it has ended
Must not  bring back a session that has ended
]]

local s = sessionKey(ARGV[1])
if redis.call('PEXPIRE', s, ARGV[3]) == 0 then return 0 end
redis.call('HSET', s, 'user', ARGV[2])
return 1
