--[[
Removes a watch.

KEYS      1: prefix of the docket, for allWatch keyWatch sessionWatch
ARGV      process; 'key', 'session' or 'all'; name
Returns   how many were removed
Must not  remove the watches of other processes
]]
--- @include "lib/watch-set"

return redis.call('SREM', watchSet(ARGV[2], ARGV[3]), ARGV[1])
