--[[
Reads a session.

KEYS      1: prefix of the docket, for session
ARGV      session
Returns   its owner and its client
Must not  write
]]

return redis.call('HMGET', sessionKey(ARGV[1]), 'owner', 'client')
