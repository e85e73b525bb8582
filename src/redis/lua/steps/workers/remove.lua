--[[
Removes a worker.

KEYS      1: prefix of the docket, for worker workers
ARGV      worker
Returns   1, or 0 if there is none
Must not  release its runs
]]

redis.call('ZREM', workersKey(), ARGV[1])
return redis.call('DEL', workerKey(ARGV[1]))
