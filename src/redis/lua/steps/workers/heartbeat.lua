--[[
Records that a worker is alive.

KEYS      1: prefix of the docket, for worker workers
ARGV      worker; TTL; how many calls run; how many wait; its description, or '' if unchanged
Returns   1, or 0 if Redis has forgotten the description
Must not  list a worker without its description
]]
--- @include "lib/values"

local id, life, facts = ARGV[1], ARGV[2], ARGV[5]
local w = workerKey(id)
if facts ~= '' then redis.call('HSETNX', w, 'startedAt', text(now)) redis.call('HSET', w, 'facts', facts) end
if redis.call('EXISTS', w) == 0 then return 0 end
redis.call('HSET', w, 'running', ARGV[3], 'waiting', ARGV[4])
redis.call('PEXPIRE', w, life)
redis.call('ZREMRANGEBYSCORE', workersKey(), '-inf', text(now))
redis.call('ZADD', workersKey(), text(now + life), id)
if redis.call('PTTL', workersKey()) < tonumber(life) then redis.call('PEXPIRE', workersKey(), life) end
return 1
