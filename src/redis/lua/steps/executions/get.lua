--[[
Reads a record.

KEYS      1: prefix of the docket, for execution
ARGV      key
Returns   its fields and values, alternating
Must not  write
]]

return redis.call('HGETALL', executionKey(ARGV[1]))
