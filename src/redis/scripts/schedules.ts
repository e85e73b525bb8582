import { Script } from './script.js';

/** Returns the time of Redis. */
export const timeScript = new Script(`return text(now)`);

/**
 * Sets a schedule. ARGV: id, timetable, the next tick if the timetable is new, then the fields of the executions. Returns the
 * next tick and the milliseconds until then. Each process sets its schedules at its start; the same timetable keeps its tick.
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

/** Deletes a schedule. ARGV: id. */
export const unscheduleScript = new Script(`
redis.call('ZREM', schedulesKey(), ARGV[1])
return redis.call('DEL', scheduleKey(ARGV[1]))
`);

/** Returns the id, timetable, next tick, component and owner of each schedule. */
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
 * Makes a tick, if no process has done so yet. ARGV: id, timetable, the tick that is due, the following tick. Returns the job of
 * the execution, if there is one: while the previous execution is live, the tick is skipped.
 */
export const tickScript = new Script(`
local id, following = ARGV[1], tonumber(ARGV[4])
local s = scheduleKey(id)
local known = redis.call('HMGET', s, '@when', '@next')
if known[1] ~= ARGV[2] or known[2] ~= ARGV[3] or tonumber(known[2]) > now then return false end
if following <= now then
  -- So late that the following tick has passed as well. The next check computes it anew.
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
