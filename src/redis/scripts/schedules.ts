import { Script } from './script.js';

/** The time of Redis. */
export const timeScript = new Script(`return text(now)`);

/**
 * ARGV: id, when, the tick that is next if `when` is new, then the fields of the executions. Gives the tick that is next, and how long it is until then. A
 * schedule that is set once more, as each process does at its start, ticks on as it did.
 */
export const scheduleScript = new Script(`
local id, when = ARGV[1], ARGV[2]
local s = scheduleKey(id)
local known = redis.call('HMGET', s, '@when', '@next')
local following = known[1] == when and known[2] or ARGV[3]
redis.call('DEL', s)
redis.call('HSET', s, '@when', when, '@next', following, unpack(ARGV, 4))
if known[1] ~= when then redis.call('ZADD', schedulesKey(), following, id) end
return { following, text(math.max(following - now, 0)) }
`);

/** ARGV: id. */
export const unscheduleScript = new Script(`
redis.call('ZREM', schedulesKey(), ARGV[1])
return redis.call('DEL', scheduleKey(ARGV[1]))
`);

/** Gives id, when, next tick, component and owner of each. */
export const schedulesScript = new Script(
  `
local all = redis.call('ZRANGE', schedulesKey(), 0, -1)
for i, id in ipairs(all) do
  local known = redis.call('HMGET', scheduleKey(id), '@when', '@next', 'component', 'owner')
  all[i] = { id, unpack(known) }
end
return all
`,
  { alone: true },
);

/**
 * ARGV: id, when, the tick that is due, the one that follows it. Whoever comes first makes the tick. Gives the ticket of the
 * execution, if there is one: while the one before is alive, the tick is left out.
 */
export const tickScript = new Script(`
local id, following = ARGV[1], tonumber(ARGV[4])
local s = scheduleKey(id)
local known = redis.call('HMGET', s, '@when', '@next')
if known[1] ~= ARGV[2] or known[2] ~= ARGV[3] or tonumber(known[2]) > now then return false end
if following <= now then
  -- It took so long that the tick that follows has passed as well: the next look counts again.
  redis.call('ZADD', schedulesKey(), text(now), id)
  return false
end
redis.call('HSET', s, '@next', text(following))
redis.call('ZADD', schedulesKey(), text(following), id)
local x = executionKey(id)
local before = redis.call('HGET', x, 'state')
if before and not terminal[before] then return false end
local fields, all = {}, redis.call('HGETALL', s)
for i = 1, #all, 2 do
  if string.sub(all[i], 1, 1) ~= '@' then
    fields[#fields + 1] = all[i]
    fields[#fields + 1] = all[i + 1]
  end
end
return create(x, id, 0, fields)
`);
