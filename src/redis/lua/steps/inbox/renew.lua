--[[
Renews the inbox of a process.

KEYS      1: prefix of the docket, for inbox node
ARGV      process; TTL; the id of the last message it has read
Returns   1, or 0 if it counted as dead
Must not  trim messages that were not read
]]

local node = ARGV[1]
if redis.call('PEXPIRE', nodeKey(node), ARGV[2]) == 0 then return 0 end
redis.call('PEXPIRE', inboxKey(node), ARGV[2])
redis.call('XTRIM', inboxKey(node), 'MINID', '~', ARGV[3])
return 1
