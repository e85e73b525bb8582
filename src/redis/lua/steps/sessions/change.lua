--[[
Replaces the client of a session.

KEYS      1: prefix of the docket, for alive fill inbox missed node session sessionTasks sessionWatch signs
ARGV      session; connection; client
Returns   1, or 0 if it has ended
Must not  bring back a session that has ended
]]
--- @include "lib/sessions"

if redis.call('EXISTS', sessionKey(ARGV[1])) == 0 then return 0 end
redis.call('HSET', sessionKey(ARGV[1]), 'client', ARGV[3])
spread(ARGV[1], ARGV[2], 'changed', ARGV[3])
return 1
