import { Script } from './script.js';

/** How much one step does at most. */
const most = 100;

/** How long the process that is told of a tick has time for it, before others are told, in milliseconds. */
const tickGrace = 1_000;

/** How many that wait again are kept in order; who comes after them may be a little early. */
const longestFront = 1_000;

/**
 * Does what is due by the time of Redis, whoever asks for it: questions get the answer of their deadline, scheduled
 * executions are queued, what has expired is taken off the lists. Gives the tickets that are to be brought into the line, those
 * that never were seen there, the ticks of schedules for this process to make, the time, how long it is until the
 * next is due, and who was called before a gate.
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
    -- A record that is gone does not come back as one that has nothing but this answer.
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

/** ARGV: tickets, each with its key. They are in the queue. */
export const ticketedScript = new Script(`
local members = {}
for i = 1, #ARGV, 2 do members[#members + 1] = 't:' .. ARGV[i] .. ':' .. ARGV[i + 1] end
return redis.call('ZREM', dueKey(), unpack(members))
`);

/**
 * ARGV: a ticket that is in the queue, at the front of the line, and its key. What waits again goes before younger work of
 * its priority, but not before older work that waits again too.
 */
export const frontScript = new Script(`
local ticket, key = ARGV[1], ARGV[2]
redis.call('ZREM', dueKey(), 't:' .. ticket .. ':' .. key)
local priority = tonumber(redis.call('HGET', executionKey(key), 'priority') or 0)
if priority > 0 then
  -- BullMQ orders by priority and then by a counter that begins with 1; equals are ordered by their names.
  redis.call('ZADD', prioritizedKey(), 'XX', text(priority * 4294967296), 't' .. ticket)
  return 1
end
-- The next one is the last of the list. What waits again is told by the dot in its ticket.
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
