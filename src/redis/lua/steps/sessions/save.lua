--[[
Saves a session.

KEYS      1: prefix of the docket, for session
ARGV      session; connection; owner; client; TTL
Returns   1
Must not  touch its holder or its tasks
]]

local s = sessionKey(ARGV[1])
redis.call('HSET', s, 'user', ARGV[2], 'owner', ARGV[3], 'client', ARGV[4])
return redis.call('PEXPIRE', s, ARGV[5])
