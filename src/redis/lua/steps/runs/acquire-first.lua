--[[
Locks the first job of the waiting list, if there is one, and acquires its run.

KEYS      1: prefix of the docket, for allWatch crashes due ended execution expiring fill gate inbox isolated keyWatch line node open prioritized queue sequence sessionWatch sign state taken tasks unknown
ARGV      intake; lock; its duration; worker; process; run; limits as in claim()
Returns   false, or status, record or wait, job id, key and job number; the admitted executions; the components
          of which executions wait for a worker that has them
Must not  take a second job if the command is sent again
Options   packed
]]
--- @include "lib/state"
--- @include "lib/values"
--- @include "line/claim"
--- @include "line/jobs"
--- @include "line/known"
--- @include "line/take"
--- @bullmq takeJob

-- How long a worker's last job is remembered, in milliseconds: longer than any outage during which its command waits.
local TAKEN_TTL = 86400000

local unknown = {}

-- Locks the first job of the waiting list for a worker. Returns its id and its data, if there is a job. The worker's last job
-- is remembered: if the reply was lost and the command is sent again, the worker receives the same job, or nothing if another
-- worker has it by then.
local function firstJob(intake, lock, duration, worker)
  local last = redis.call('GET', takenKey(intake))
  if last and string.sub(last, 1, #lock + 1) == lock .. ' ' then
    local id = string.sub(last, #lock + 2)
    if redis.call('GET', queueKey(id .. ':lock')) ~= lock then return nil end
    return id, ticketIn(redis.call('HGET', queueKey(id), 'data'))
  end
  unknown = fetchAside(ARGV, 7)
  local keys = lineKeys({ 'wait', 'active', 'prioritized', 'events', 'stalled', 'limiter', 'delayed', 'paused', 'meta', 'pc',
    'marker' })
  local options = cmsgpack.pack({ token = lock, name = worker, lockDuration = duration })
  local id, ticket = jobIn(takeJob(keys, { queueKey(), text(now), options }))
  if id then redis.call('SET', takenKey(intake), lock .. ' ' .. id, 'PX', TAKEN_TTL) end
  return id, ticket
end

local id, ticket = firstJob(ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4])
return { taken(id, ticket, ARGV, 5), called, unknown }
