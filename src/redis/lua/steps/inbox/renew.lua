--[[
Renews the inbox of a process.

KEYS      1: prefix of the docket, for fill inbox node
ARGV      process; TTL
Returns   1, or 0 if it counted as dead
Must not  bring back a process that counted as dead
]]

local node = ARGV[1]
if redis.call('PEXPIRE', nodeKey(node), ARGV[2]) == 0 then return 0 end
redis.call('PEXPIRE', inboxKey(node), ARGV[2])
redis.call('PEXPIRE', fillKey(node), ARGV[2])
return 1
