--[[
How executions get into the line.
]]
--- @include "lib/events"
--- @include "lib/lists"
--- @include "lib/record"
--- @include "lib/values"
--- @include "line/jobs"
--- @include "line/line"

-- Queues an execution, now or for its due time. Returns its job; whether that is in the waiting list already comes last.
local function enqueue(x, key, runAt, ticket, ...)
  local inLine = false
  drop(x, 'run', 'node', 'isolated')
  if runAt > now then
    become(x, key, 'scheduled', 'runAt', text(runAt), 'dueAt', text(runAt), 'ticket', ticket, ...)
    redis.call('ZADD', dueKey(), text(runAt), 'x::' .. key)
  else
    drop(x, 'runAt')
    become(x, key, 'queued', 'dueAt', text(now), 'ticket', ticket, ...)
    inLine = lineUp(x, key, ticket)
  end
  emit(x, 'state')
  return { ticket, text(math.max(runAt - now, 0)), facts(x).priority or '0', inLine and '1' or '0' }
end

-- Queues a scheduled execution that has become due. Returns its job number if the process has to add the job.
local function promote(x, key)
  local ticket = newTicket()
  redis.call('ZREM', dueKey(), 'x::' .. key)
  drop(x, 'runAt')
  become(x, key, 'queued', 'ticket', ticket)
  local inLine = lineUp(x, key, ticket)
  emit(x, 'state')
  return not inLine and ticket
end
