--[[
Reads the keys of a session's open tasks.

KEYS      1: prefix of the docket, for sessionTasks
ARGV      session
Returns   the keys
Must not  write
]]

return redis.call('SMEMBERS', sessionTasksKey(ARGV[1]))
