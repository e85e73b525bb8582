--[[
How one run of a worker follows another.
]]
--- @include "lib/values"
--- @include "line/claim"
--- @include "line/jobs"
--- @include "line/known"
--- @include "line/take"
--- @bullmq finishJob

-- Shared by all steps of a command.
local finishKeys

-- Acknowledges a worker's job and locks the next one under the same lock. Returns its id and its data, if there is a job. A
-- worker that has lost its lock receives none, since another worker has its job.
local function nextJob(id, lock, duration, worker)
  finishKeys = finishKeys or lineKeys({ 'wait', 'active', 'prioritized', 'events', 'stalled', 'limiter', 'delayed', 'paused',
    'meta', 'pc', 'completed', '', 'metrics:completed', 'marker' })
  local options = cmsgpack.pack({ token = lock, name = worker, keepJobs = { count = 0 }, lockDuration = duration, attempts = 0,
    maxMetricsSize = '' })
  finishKeys[12] = queueKey(id)
  local reply = finishJob(finishKeys, { id, text(now), 'returnvalue', 'null', 'completed', '1', queueKey(), options })
  if reply == -1 then
    -- The job is gone. If the reply to this very step was lost and the command was sent again, the lock holds the next job.
    for _, other in ipairs(redis.call('LRANGE', queueKey('active'), 0, -1)) do
      if redis.call('GET', queueKey(other .. ':lock')) == lock then
        return other, ticketIn(redis.call('HGET', queueKey(other), 'data'))
      end
    end
  end
  return jobIn(reply)
end

-- Acknowledges a job, takes the next one and acquires its run. `args` are those of runs/acquire-next.lua, from `first` on.
local function follow(args, first)
  fetchAside(args, first + 6)
  local id, ticket = nextJob(args[first], args[first + 1], tonumber(args[first + 2]), args[first + 3])
  return taken(id, ticket, args, first + 4)
end
