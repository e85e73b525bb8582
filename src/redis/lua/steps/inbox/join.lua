--[[
Registers a process.

KEYS      1: prefix of the docket, for fill inbox node
ARGV      process; the number of the last message it has seen; TTL
Returns   1
Must not  number messages lower than before
]]
--- @include "lib/post"
--- @include "lib/values"

local node = ARGV[1]
local number = math.max(tonumber(redis.call('GET', nodeKey(node)) or 0), tonumber(ARGV[2]))
redis.call('SET', nodeKey(node), text(number), 'PX', ARGV[3])
redis.call('HSETNX', fillKey(node), 'bytes', '1')
post(node, { '@event', 'joined' })
redis.call('PEXPIRE', inboxKey(node), ARGV[3])
redis.call('PEXPIRE', fillKey(node), ARGV[3])
return 1
