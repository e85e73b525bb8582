--[[
The jobs of executions. An execution gets a new one each time it is queued, and only the latest is valid.
]]
--- @include "lib/record"
--- @include "lib/values"

-- Keys by their names in BullMQ.
local function lineKeys(names)
  local keys = {}
  for i, name in ipairs(names) do keys[i] = queueKey(name) end
  return keys
end

-- How long a job may remain unconfirmed before a process adds it again, in milliseconds.
local JOB_GRACE = 5000

-- A new job number. With a position, for an execution that takes this position again.
local function newTicket(place)
  local ticket = text(redis.call('INCR', sequenceKey()))
  return place and place .. '.' .. ticket or ticket
end

-- The position in the waiting list that belongs to a job number, as a text that sorts.
local function placeOf(ticket) return string.format('%016d', string.match(ticket, '^%d+')) end

-- Remembers a job until it is confirmed to be in the waiting list.
local function awaitTicket(key, ticket)
  redis.call('ZADD', dueKey(), text(now + JOB_GRACE), 't:' .. ticket .. ':' .. key)
end

-- The job number of a waiting execution, the milliseconds until it is due, and its priority. Nil for any other execution.
local function ticketOf(x)
  local record = facts(x)
  if record.state ~= 'queued' and record.state ~= 'scheduled' then return nil end
  return { record.ticket, text(math.max(num(record.runAt, 0) - now, 0)), record.priority or '0' }
end

-- Whether a job in the waiting list stands for nothing: its execution has ended, is gone or has a newer job.
local function isVain(key, ticket)
  local known = redis.call('HMGET', executionKey(key), 'ticket', 'state')
  return known[1] ~= ticket or not alive[known[2]]
end
