import { Script } from './script.js';

/**
 * ARGV: key, ticket, the process, the run. A ticket that is not the last one of its execution is dropped. One whose
 * execution runs already was delivered before, and the worker that had it is lost.
 */
export const claimScript = new Script(`
local key, ticket, node, run = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local x = executionKey(key)
local known = redis.call('HMGET', x, 'state', 'ticket', 'run', 'node')
if not known[1] or terminal[known[1]] or known[2] ~= ticket then return { 'drop' } end
-- The reply of this very step was lost and the command sent again.
if known[3] == run then return { 'run', redis.call('HGETALL', x) } end
if known[1] == 'running' then
  redis.call('HDEL', x, 'run', 'node')
  become(x, key, 'queued', 'dueAt', text(now), 'redelivered', 1)
  emit(x, 'state')
  post(known[4], { '@event', 'revoke', '@run', known[3], '@why', 'lost' })
end
redis.call('ZREM', dueKey(), 't:' .. ticket .. ':' .. key)
redis.call('HINCRBY', x, 'attempt', 1)
become(x, key, 'running', 'run', run, 'node', node)
emit(x, 'state')
return { 'run', redis.call('HGETALL', x) }
`);

/** ARGV: key, run, how it ends, the delay in milliseconds, then of a finish the state and the fields that it writes. */
export const settleScript = new Script(`
local key, run, how, delay = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local x = executionKey(key)
if not owns(x, run) then return { 'lost' } end
if how == 'finish' then
  finish(x, key, unpack(ARGV, 5))
  return { 'settled' }
end
if how == 'handBack' or how == 'putBack' then redis.call('HINCRBY', x, 'attempt', -1) end
local runAt = delay > 0 and now + delay or 0
if how == 'handBack' or how == 'vanish' then return { 'settled', enqueue(x, key, runAt, 'redelivered', 1) } end
return { 'settled', enqueue(x, key, runAt) }
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
