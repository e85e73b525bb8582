import { Script } from './script.js';

/**
 * ARGV: the request, key, owner, '1' for a task, '1' to replace, the component, the limit of open tasks or -1, when it is due
 * or 0, how long it is delayed or 0, then the fields of the record. Of one that was replaced before it ran, the ticket comes
 * last.
 */
export const addScript = new Script(`
local request, key, owner, task, replaces = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1', ARGV[5] == '1'
local component, limit, delay = ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[9])
local runAt = delay > 0 and now + delay or tonumber(ARGV[8])
local x = executionKey(key)
local known = redis.call('HMGET', x, 'state', 'addedBy', 'owner', 'component', 'session', 'run', 'node', 'ticket')
-- The reply of this very step was lost and the command sent again.
if known[2] == request then return { 'added', redis.call('HGETALL', x), ticketOf(x) } end
local live = known[1] and not terminal[known[1]]
if live and (not replaces or known[3] ~= owner or known[4] ~= component or known[5]) then
  return { 'known', redis.call('HGETALL', x) }
end
local open = tonumber(redis.call('GET', openKey(owner)) or 0)
if limit >= 0 and open >= limit then return { 'limit', open } end

if live then
  redis.call('HSET', x, 'openQuestions', 0)
  closeQuestions(x, key)
  redis.call('ZREM', dueKey(), 'x::' .. key, 't:' .. (known[8] or '') .. ':' .. key)
  redis.call('ZREM', stateKey(known[1]), key)
  if known[6] then post(known[7], { '@event', 'revoke', '@run', known[6], '@why', 'replaced' }) end
end
local ticket = create(x, key, runAt, { 'addedBy', request, unpack(ARGV, 10) })
if task then
  purge(owner, 20)
  redis.call('INCR', openKey(owner))
  redis.call('ZREM', endedKey(owner), key)
  redis.call('ZADD', tasksKey(owner), ticket[1], key)
  redis.call('SADD', sessionTasksKey(redis.call('HGET', x, 'session')), key)
  keepLists(owner)
end
return { 'added', redis.call('HGETALL', x), ticket, live and not known[6] and known[8] }
`);

/** ARGV: the request, key, '1' when there is a reason, the reason. */
export const cancelScript = new Script(`
local request, key = ARGV[1], ARGV[2]
local x = executionKey(key)
local known = redis.call('HMGET', x, 'state', 'run', 'node', 'ticket', 'settledBy')
if not known[1] then return { 'unknown' } end
if known[5] == request then return { 'cancelled', known[4] } end
if terminal[known[1]] then return { 'terminal' } end
if ARGV[3] == '1' then redis.call('HSET', x, 'reason', ARGV[4]) end
finish(x, key, request, 'cancelled')
if known[2] then
  post(known[3], { '@event', 'revoke', '@run', known[2], '@why', 'cancelled' })
  return { 'cancelled' }
end
return { 'cancelled', known[4] }
`);

/** ARGV: owner, the sequence number below which to go on or '+inf', how many. The pages are found without scanning. */
export const listScript = new Script(`
local owner, before, limit = ARGV[1], ARGV[2], tonumber(ARGV[3])
purge(owner, 1000)
local found = {}
while true do
  local keys = redis.call('ZREVRANGEBYSCORE', tasksKey(owner), before, '-inf', 'WITHSCORES', 'LIMIT', 0, limit + 1)
  for i = 1, #keys, 2 do
    local record = redis.call('HGETALL', executionKey(keys[i]))
    if #record > 0 then found[#found + 1] = { keys[i + 1], record } end
    if #found > limit then return found end
    before = '(' .. keys[i + 1]
  end
  if #keys == 0 then return found end
end
`);

/** ARGV: key. */
export const getScript = new Script(`return redis.call('HGETALL', executionKey(ARGV[1]))`);
