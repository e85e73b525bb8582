--[[
Renews the leases of all runs that a process holds, for a thread of it that does not know them.

KEYS      1: prefix of the docket, for held queue
ARGV      process; lease in milliseconds; cursor, '0' at first
Returns   the cursor for the next call, '0' when all are done
Must not  renew a lease that was lost
Options   alone
]]

local scanned = redis.call('HSCAN', heldKey(ARGV[1]), ARGV[3], 'COUNT', 500)
for i = 1, #scanned[2], 2 do
  local id, lock = string.match(scanned[2][i + 1], '^(%S+) (%S+)$')
  if redis.call('GET', queueKey(id .. ':lock')) == lock then
    redis.call('PEXPIRE', queueKey(id .. ':lock'), ARGV[2])
    redis.call('SREM', queueKey('stalled'), id)
  else
    redis.call('HDEL', heldKey(ARGV[1]), scanned[2][i])
  end
end
return scanned[1]
