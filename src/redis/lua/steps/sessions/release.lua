--[[
Ends the hold of a connection.

KEYS      1: prefix of the docket, for alive fill inbox missed node session sessionTasks sessionWatch signs
ARGV      session; connection
Returns   the number of changes of the holder, or 0 if it was not the holder
Must not  end the hold of another connection
]]
--- @include "lib/sessions"

if redis.call('HGET', sessionKey(ARGV[1]), 'holder') ~= ARGV[2] then return 0 end
return becomeHolder(ARGV[1], ARGV[2], '')
