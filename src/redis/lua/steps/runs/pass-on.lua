--[[
Restores BullMQ's marker if a waiting list has a job, for other workers.

KEYS      1: prefix of the docket, for line prioritized sign
ARGV      none
Returns   1, or 0 if there is no job
Must not  set the marker for an empty list, which would wake workers in vain
]]

if redis.call('EXISTS', lineKey(), prioritizedKey()) == 0 then return 0 end
return redis.call('ZADD', signKey(), 0, '0')
