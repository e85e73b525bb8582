import { Script } from './script.js';

/** ARGV: session, place, owner, client, how long it is kept. */
export const saveSessionScript = new Script(`
local s = sessionKey(ARGV[1])
redis.call('HSET', s, 'user', ARGV[2], 'owner', ARGV[3], 'client', ARGV[4])
return redis.call('PEXPIRE', s, ARGV[5])
`);

/** ARGV: session. Gives its owner and its client. */
export const findSessionScript = new Script(`return redis.call('HMGET', sessionKey(ARGV[1]), 'owner', 'client')`);

/** ARGV: session, place, how long it is kept. 0 when it has ended. */
export const keepSessionScript = new Script(`
local s = sessionKey(ARGV[1])
if redis.call('PEXPIRE', s, ARGV[3]) == 0 then return 0 end
redis.call('HSET', s, 'user', ARGV[2])
return 1
`);

/** ARGV: session, place, client. */
export const changeSessionScript = new Script(`
if redis.call('EXISTS', sessionKey(ARGV[1])) == 0 then return 0 end
redis.call('HSET', sessionKey(ARGV[1]), 'client', ARGV[3])
spread(ARGV[1], ARGV[2], 'changed', ARGV[3])
return 1
`);

/** ARGV: session, the place that must have used it last or ''. */
export const endSessionScript = new Script(`
local s = sessionKey(ARGV[1])
if ARGV[2] ~= '' and redis.call('HGET', s, 'user') ~= ARGV[2] then return 0 end
if redis.call('DEL', s, missedKey(ARGV[1])) > 0 then spread(ARGV[1], '', 'ended', '') end
return 1
`);

/** ARGV: session, place, what it tells. */
export const tellSessionScript = new Script(`return spread(ARGV[1], ARGV[2], 'message', ARGV[3])`);

/** ARGV: session. Gives the place that holds it, where its process is alive. */
export const holderScript = new Script(`
local holder = redis.call('HGET', sessionKey(ARGV[1]), 'holder')
return holder and isThere(holder) and holder or ''
`);

/** ARGV: session, place. Gives its open tasks, and those of which nobody heard that they ended. */
export const holdScript = new Script(`
local s = sessionKey(ARGV[1])
local open = redis.call('SMEMBERS', sessionTasksKey(ARGV[1]))
if redis.call('EXISTS', s) == 0 then return open end
local missed = redis.call('LRANGE', missedKey(ARGV[1]), 0, -1)
redis.call('DEL', missedKey(ARGV[1]))
if redis.call('HGET', s, 'holder') ~= ARGV[2] then
  redis.call('HSET', s, 'holder', ARGV[2])
  spread(ARGV[1], ARGV[2], 'held', ARGV[2])
end
for _, key in ipairs(open) do missed[#missed + 1] = key end
return missed
`);

/** ARGV: session, place. */
export const leaveSessionScript = new Script(`
local s = sessionKey(ARGV[1])
if redis.call('HGET', s, 'holder') ~= ARGV[2] then return 0 end
redis.call('HSET', s, 'holder', '')
spread(ARGV[1], ARGV[2], 'held', '')
return 1
`);

/** ARGV: session. */
export const openTasksScript = new Script(`return redis.call('SMEMBERS', sessionTasksKey(ARGV[1]))`);
