--[[
Makes a connection the holder of a session.

KEYS      1: prefix of the docket, for alive fill inbox missed node session sessionTasks sessionWatch signs
ARGV      session; connection
Returns   the number of changes of its holder, or 0 if there is no such session; the keys of its open tasks and of those that ended
          unnoticed
Must not  report an end twice
]]
--- @include "lib/sessions"

local s = sessionKey(ARGV[1])
local open = redis.call('SMEMBERS', sessionTasksKey(ARGV[1]))
if redis.call('EXISTS', s) == 0 then return { 0, open } end
local missed = redis.call('LRANGE', missedKey(ARGV[1]), 0, -1)
redis.call('DEL', missedKey(ARGV[1]))
for _, key in ipairs(open) do missed[#missed + 1] = key end
return { becomeHolder(ARGV[1], ARGV[2], ARGV[2]), missed }
