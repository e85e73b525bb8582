--[[
Deletes a schedule.

KEYS      1: prefix of the docket, for schedule schedules
ARGV      id
Returns   1, or 0 if there is none
Must not  cancel calls that it has added
]]

redis.call('ZREM', schedulesKey(), ARGV[1])
return redis.call('DEL', scheduleKey(ARGV[1]))
