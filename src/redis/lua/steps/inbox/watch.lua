--[[
Adds or renews watches.

KEYS      1: prefix of the docket, for allWatch keyWatch node sessionWatch
ARGV      process; TTL of a watch; then pairs of 'key', 'session' or 'all' and a name
Returns   the number of the last message sent to the process
Must not  extend the life of the process
]]
--- @include "lib/watch-set"

for i = 3, #ARGV, 2 do
  local set = watchSet(ARGV[i], ARGV[i + 1])
  redis.call('SADD', set, ARGV[1])
  redis.call('PEXPIRE', set, ARGV[2])
end
return { redis.call('GET', nodeKey(ARGV[1])) }
