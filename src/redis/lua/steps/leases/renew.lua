--[[
Renews the leases of jobs.

KEYS      1: prefix of the docket, for queue
ARGV      lease in milliseconds; then for each job its id and its lock
Returns   the ids of the jobs whose lease is lost
Must not  renew a lease that is lost
]]

local lost = {}
for i = 2, #ARGV, 2 do
  local id = ARGV[i]
  if redis.call('GET', queueKey(id .. ':lock')) == ARGV[i + 1] then
    redis.call('PEXPIRE', queueKey(id .. ':lock'), ARGV[1])
    redis.call('SREM', queueKey('stalled'), id)
  else
    lost[#lost + 1] = id
  end
end
return lost
