import { Script } from './script.js';

/** Maximum number of items that one step handles. */
const most = 100;

/** How long a process has to make a tick before another is asked, in milliseconds. */
const tickGrace = 1_000;

/** How many jobs that wait again are kept in order. Later ones may be a little early. */
const longestFront = 1_000;

/**
 * Does what is due by the time of Redis, whichever process asks: questions get the answer of their deadline, scheduled
 * executions are queued, and expired ones are removed from the lists. Returns the jobs to add to the waiting list, the jobs
 * that were never confirmed, the ticks of schedules for this process to make, the time, the milliseconds until more is due,
 * and the admitted executions.
 */
export const dueScript = new Script(
  `
local queued, missing, ticks = {}, {}, {}
for _, member in ipairs(redis.call('ZRANGEBYSCORE', dueKey(), '-inf', text(now), 'LIMIT', 0, ${most})) do
  local kind, name, key = string.match(member, '^(%a):([^:]*):(.*)$')
  local x = executionKey(key)
  redis.call('ZREM', dueKey(), member)
  if kind == 'q' then
    local answer = redis.call('HGET', questionsKey(key), 'd:' .. name)
    -- A record that is gone must not come back with nothing but this answer.
    if redis.call('EXISTS', x) == 0 then
      answer = false
      redis.call('DEL', questionsKey(key))
      unlistMissing(key)
    end
    if answer then closeQuestion(x, key, name, answer, 'deadline') else redis.call('SREM', askedKey(), name .. ':' .. key) end
  elseif kind == 'x' then
    local ticket = facts(x).state == 'scheduled' and promote(x, key)
    if ticket then queued[#queued + 1] = { key, ticket, facts(x).priority or '0' } end
  elseif kind == 'g' then
    gates(key).repair()
  else
    local known = redis.call('HMGET', x, 'ticket', 'state', 'priority')
    if known[1] == name and known[2] == 'queued' then
      awaitTicket(key, name)
      missing[#missing + 1] = { key, name, known[3] or '0' }
    end
  end
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', schedulesKey(), '-inf', text(now), 'LIMIT', 0, ${most})) do
  redis.call('ZADD', schedulesKey(), text(now + ${tickGrace}), id)
  local known = redis.call('HMGET', scheduleKey(id), '@when', '@next')
  ticks[#ticks + 1] = { id, known[1], known[2] }
end
if forgetExpired(500) then return { queued, missing, ticks, text(now), '0', called } end
local following
for _, set in ipairs({ dueKey(), schedulesKey() }) do
  local first = redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')[2]
  if first then following = math.min(following or math.huge, tonumber(first)) end
end
return { queued, missing, ticks, text(now), following and text(math.max(following - now, 0)) or '', called }
`,
  { alone: true },
);

/** Confirms that jobs are in the waiting list. ARGV: job numbers, each followed by its key. */
export const confirmQueuedScript = new Script(`
local members = {}
for i = 1, #ARGV, 2 do members[#members + 1] = 't:' .. ARGV[i] .. ':' .. ARGV[i + 1] end
return redis.call('ZREM', dueKey(), unpack(members))
`);

/**
 * Confirms a job at the front of the waiting list, and sorts the front. A job that waits again precedes younger jobs of its
 * priority, but not older ones that wait again too. ARGV: the job number, its key.
 */
export const frontScript = new Script(`
local ticket, key = ARGV[1], ARGV[2]
redis.call('ZREM', dueKey(), 't:' .. ticket .. ':' .. key)
local priority = tonumber(redis.call('HGET', executionKey(key), 'priority') or 0)
if priority > 0 then
  -- BullMQ sorts by priority and then by a counter that begins at 1. Equal scores are sorted by name.
  redis.call('ZADD', prioritizedKey(), 'XX', text(priority * 4294967296), 't' .. ticket)
  return 1
end
-- The last job of the list is the next. A dot in the number marks a job that waits again.
local again, sorted = {}, true
for _, job in ipairs(redis.call('LRANGE', lineKey(), -${longestFront}, -1)) do
  if string.find(job, '.', 1, true) then
    if again[1] and again[#again] < job then sorted = false end
    again[#again + 1] = job
  else
    again, sorted = {}, true
  end
end
if sorted then return 1 end
table.sort(again, function(a, b) return a > b end)
redis.call('LTRIM', lineKey(), 0, -#again - 1)
redis.call('RPUSH', lineKey(), unpack(again))
return 1
`);
