--[[
Ends a session.

KEYS      1: prefix of the docket, for alive fill inbox missed node session sessionTasks sessionWatch signs
ARGV      session; the connection that must have used it last, or ''
Returns   1, or 0 if another connection has used it since
Must not  end the tasks of the session
]]
--- @include "lib/sessions"

local s = sessionKey(ARGV[1])
if ARGV[2] ~= '' and redis.call('HGET', s, 'user') ~= ARGV[2] then return 0 end
if redis.call('DEL', s, missedKey(ARGV[1])) > 0 then spread(ARGV[1], '', 'ended', '') end
return 1
