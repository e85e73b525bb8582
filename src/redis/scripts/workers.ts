import { Script } from './script.js';

/**
 * Heartbeat of a worker. ARGV: the worker, its TTL, how many calls run and wait, its description, or '' if unchanged. Returns 0
 * if Redis has forgotten the description.
 */
export const workerHeartbeatScript = new Script(`
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
`);

/** Removes a worker. ARGV: the worker. */
export const workerGoneScript = new Script(`
redis.call('ZREM', workersKey(), ARGV[1])
return redis.call('DEL', workerKey(ARGV[1]))
`);

/** Returns for each live worker its id, its start time, its description, and how many calls run and wait. */
export const workersScript = new Script(`
local all = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', workersKey(), text(now), '+inf')) do
  local fields = redis.call('HMGET', workerKey(id), 'startedAt', 'facts', 'running', 'waiting')
  if fields[1] then all[#all + 1] = { id, unpack(fields) } end
end
return all
`);
