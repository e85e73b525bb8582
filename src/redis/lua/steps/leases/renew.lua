--[[
Renews the leases of runs.

KEYS      1: prefix of the docket, for held queue
ARGV      process; lease in milliseconds; how long the runs of the process are remembered; then for each run its token, the id of
          its job and its lock
Returns   the runs that have lost their lease
Must not  renew a lease that was lost
]]

local lost = {}
for i = 4, #ARGV, 3 do
  local id = ARGV[i + 1]
  if redis.call('GET', queueKey(id .. ':lock')) == ARGV[i + 2] then
    redis.call('PEXPIRE', queueKey(id .. ':lock'), ARGV[2])
    redis.call('SREM', queueKey('stalled'), id)
  else
    lost[#lost + 1] = ARGV[i]
  end
end
redis.call('PEXPIRE', heldKey(ARGV[1]), ARGV[3])
return lost
