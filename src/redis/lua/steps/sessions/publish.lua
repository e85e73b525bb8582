--[[
Publishes a message to the other connections of a session.

KEYS      1: prefix of the docket, for alive fill inbox missed node session sessionTasks sessionWatch signs
ARGV      session; connection; message
Returns   1
Must not  store the message
]]
--- @include "lib/sessions"

return spread(ARGV[1], ARGV[2], 'message', ARGV[3])
