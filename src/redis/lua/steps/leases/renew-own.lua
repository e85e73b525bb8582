--[[
Renews the leases that a process has among those of all active jobs. For a thread that does not know what its process holds.

KEYS      1: prefix of the docket, for alive queue signs
ARGV      process; lease in milliseconds; then ids of jobs
Returns   the number of leases
Must not  renew the lease of another process
Options   alone
]]
--- @include "lib/alive"

local renewed = 0
for i = 3, #ARGV do
  local lock = redis.call('GET', queueKey(ARGV[i] .. ':lock'))
  if lock and nodeOf(lock) == ARGV[1] then
    redis.call('PEXPIRE', queueKey(ARGV[i] .. ':lock'), ARGV[2])
    redis.call('SREM', queueKey('stalled'), ARGV[i])
    renewed = renewed + 1
  end
end
return renewed
