--[[
Reads the ids of the schedules.

KEYS      1: prefix of the docket, for schedules
ARGV      how many at most
Returns   ids, the next to tick first
Must not  write
Options   alone
]]

return redis.call('ZRANGE', schedulesKey(), 0, ARGV[1] - 1)
