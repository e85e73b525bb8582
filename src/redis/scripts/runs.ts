import { Script } from './script.js';

/**
 * ARGV: key, ticket, the process, the run. A ticket that is not the last one of its execution is dropped. One whose
 * execution runs already was delivered before, and the worker that had it is lost, which is counted.
 */
export const claimScript = new Script(`
local key, ticket, node, run = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local x = executionKey(key)
local known = redis.call('HMGET', x, 'state', 'ticket', 'run', 'node', 'attempt', 'losses')
if not known[1] then
  unlistMissing(key)
  return { 'missing' }
end
if terminal[known[1]] or known[2] ~= ticket then return { 'drop' } end
-- The reply of this very step was lost and the command sent again.
if known[3] == run then return { 'run', redis.call('HGETALL', x) } end
if known[1] == 'running' then
  redis.call('HDEL', x, 'run', 'node')
  become(x, key, 'queued', 'dueAt', text(now), 'redelivered', 1, 'losses', num(known[6], 0) + 1)
  emit(x, 'state')
  post(known[4], { '@event', 'revoke', '@run', known[3], '@why', 'lost' })
end
redis.call('ZREM', dueKey(), 't:' .. ticket .. ':' .. key)
become(x, key, 'running', 'run', run, 'node', node, 'attempt', num(known[5], 0) + 1)
emit(x, 'state')
return { 'run', redis.call('HGETALL', x) }
`);

/**
 * ARGV: the request, key, run, how it ends, the delay in milliseconds, of a finish the state, then fields of the record. Of
 * several requests that ended runs of the execution, the last is remembered.
 */
export const settleScript = new Script(`
local request, key, run, how, delay = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local x = executionKey(key)
local known = redis.call('HMGET', x, 'run', 'settledBy', 'attempt', 'losses', 'ticket')
if known[1] ~= run then
  -- The reply of this very step was lost and the command sent again.
  if known[2] == request then return { 'settled', ticketOf(x) } end
  return { 'lost' }
end
if how == 'finish' then
  finish(x, key, request, unpack(ARGV, 6))
  return { 'settled' }
end
redis.call('HSET', x, 'settledBy', request, unpack(ARGV, 6))
if how == 'handBack' or how == 'putBack' then redis.call('HSET', x, 'attempt', num(known[3], 1) - 1) end
if how == 'vanish' then redis.call('HSET', x, 'losses', num(known[4], 0) + 1) end
local place = nil
if how == 'handBack' or how == 'vanish' then
  redis.call('HSET', x, 'redelivered', 1)
  place = placeOf(known[5])
end
return { 'settled', enqueue(x, key, delay > 0 and now + delay or 0, place) }
`);

/** ARGV: key, run, the event, the name and the value that it carries. Progress is kept in the record, a notice is not. */
export const reportScript = new Script(`
local key, run, event = ARGV[1], ARGV[2], ARGV[3]
local x = executionKey(key)
if not owns(x, run) then return 0 end
if event == 'progress' then
  write(x, 'progress', ARGV[4])
  emit(x, 'progress')
else
  emit(x, event, '@notice', ARGV[4])
end
return 1
`);
