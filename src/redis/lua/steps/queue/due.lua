--[[
Does what is due, whichever process asks: questions get the answer of their deadline, scheduled executions are queued, expired
ones leave the lists.

KEYS      1: prefix of the docket, for allWatch asked due ended execution expiring fill gate inbox keyWatch line mark node open questions queue schedule schedules sequence sessionWatch state tasks unknown
ARGV      none
Returns   jobs to add to the waiting list; jobs that were never confirmed; ticks of schedules for this process to make; the time; the
          milliseconds until more is due, or ''; the admitted executions; the mark of the docket, or '' if Redis has lost it, and
          how many schedules there are and executions wait; the names of what failed
Must not  bring back a record that is gone, or do more than MOST of each kind
Options   alone
]]
--- @include "lib/close-questions"
--- @include "lib/damage"
--- @include "lib/lists"
--- @include "lib/record"
--- @include "lib/state"
--- @include "lib/values"
--- @include "line/gates"
--- @include "line/jobs"
--- @include "line/queue"

-- Maximum number of items of a kind that one step handles.
local MOST = 100

-- How long a process has to make a tick before another is asked, in milliseconds.
local TICK_GRACE = 1000

-- When something that failed is tried again, in milliseconds.
local FAILURE_PAUSE = 1000

local queued, missing, ticks, failed = {}, {}, {}, {}

local waiting = redis.call('ZCARD', stateKey('scheduled')) + redis.call('ZCARD', stateKey('queued'))
local overall = { redis.call('GET', markKey()) or '', text(redis.call('ZCARD', schedulesKey())), text(waiting) }

-- Does what one member is due for.
local function handle(member)
  local kind, name, key = string.match(member, '^(%a):([^:]*):(.*)$')
  if not kind then return end
  local x = executionKey(key)
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
  elseif kind == 'u' then
    gates(key).probe(1)
  else
    local known = redis.call('HMGET', x, 'ticket', 'state', 'priority')
    if known[1] == name and known[2] == 'queued' then
      awaitTicket(key, name)
      missing[#missing + 1] = { key, name, known[3] or '0' }
    end
  end
end

for _, member in ipairs(redis.call('ZRANGEBYSCORE', dueKey(), '-inf', text(now), 'LIMIT', 0, MOST)) do
  redis.call('ZREM', dueKey(), member)
  local done, why = pcall(handle, member)
  -- Something that is damaged keeps nothing else from being done. It is tried again once the process has mended it.
  if not done then
    if not isDamage(why) then error(why) end
    redis.call('ZADD', dueKey(), text(now + FAILURE_PAUSE), member)
    failed[#failed + 1] = string.match(member, '^%a:[^:]*:(.*)$')
  end
end
for _, id in ipairs(redis.call('ZRANGEBYSCORE', schedulesKey(), '-inf', text(now), 'LIMIT', 0, MOST)) do
  if redis.call('EXISTS', scheduleKey(id)) == 0 then
    redis.call('ZREM', schedulesKey(), id)
  else
    redis.call('ZADD', schedulesKey(), text(now + TICK_GRACE), id)
    local known = sound(redis.pcall('HMGET', scheduleKey(id), '@when', '@next')) or {}
    ticks[#ticks + 1] = { id, known[1] or '', known[2] or '' }
  end
end
if forgetExpired(500) then return { queued, missing, ticks, text(now), '0', called, overall, failed } end
local following
for _, set in ipairs({ dueKey(), schedulesKey() }) do
  local first = redis.call('ZRANGE', set, 0, 0, 'WITHSCORES')[2]
  if first then following = math.min(following or math.huge, tonumber(first)) end
end
return { queued, missing, ticks, text(now), following and text(math.max(following - now, 0)) or '', called, overall, failed }
