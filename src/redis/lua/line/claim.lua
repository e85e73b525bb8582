--[[
How jobs become runs.
]]
--- @include "lib/events"
--- @include "lib/lists"
--- @include "lib/post"
--- @include "lib/record"
--- @include "lib/values"
--- @include "line/gates"
--- @include "line/isolation"
--- @include "line/known"
--- @include "line/line"
--- @bullmq addJob

-- How many executions follow one that has found a worker with their component.
local MOST_ADMITTED = 100

-- Handles a run whose worker has died or has lost it. An isolated run is charged with the loss, and with those that it was only
-- suspected of, unless it was still waiting for other runs to end. Returns whether its component is isolated from now on.
local function lose(x, key)
  local record = facts(x)
  local run, node, isolated, suspicions = record.run, record.node, record.isolated, num(record.suspicions, 0)
  local shared = record.alone == run .. ' shared'
  local begun = not isolated or shared or record.alone == run
  drop(x, 'run', 'node', 'isolated')
  if not begun then
    become(x, key, 'queued', 'dueAt', text(now), 'attempt', num(record.attempt, 1) - 1)
  elseif isolated and (not shared or suspicions >= CRASHES_UNTIL_CHARGED) then
    drop(x, 'suspicions')
    become(x, key, 'queued', 'dueAt', text(now), 'redelivered', 1, 'losses', num(record.losses, 0) + 1 + suspicions,
      'attempt', num(record.attempt, 1) + suspicions)
  else
    become(x, key, 'queued', 'dueAt', text(now), 'redelivered', 1, 'suspicions', suspicions + 1,
      'attempt', num(record.attempt, 1) - 1)
  end
  emit(x, 'state')
  post(node, { '@event', 'revoke', '@run', run, '@why', 'lost' })
  if begun then suspect(record.component, node) end
  local nowIsolated = isIsolated(record.component)
  -- Room among concurrent runs is no room for an isolated one.
  if nowIsolated and not isolated and record.gate then gates(record.component).leave(x, key) end
  return nowIsolated
end

-- Acquires the run of a job. Returns a status, then the record or the milliseconds to wait; the status is 'look' if the worker is
-- to say from now on whether it has the component. `limits` are the limits of components, from `first` on: for each its name, its
-- concurrency, its maximum rate and the window of the rate; '' for no limit.
local function claim(key, ticket, node, run, limits, first)
  local x = executionKey(key)
  local record = facts(x)
  if not record.state then
    unlistMissing(key)
    return 'missing'
  end
  if not alive[record.state] or record.ticket ~= ticket then return 'drop' end
  -- The reply to this very step was lost and the command was sent again.
  if record.run == run then return 'run', recordOf(x) end
  local isolated = isIsolated(record.component)
  if record.state == 'running' then isolated = lose(x, key) end
  local bound, has = standing(limits, first, record.component)
  local verdict = 'run'
  if not has then
    local wanted = isAside(record.component)
    if has == false or (wanted and not gates(record.component).mayLook()) then
      gates(record.component).setAside(x, key)
      -- Another worker may have it, and find this execution as it looks.
      redis.call('ZADD', signKey(), 0, '0')
      return 'wait', ''
    end
    if wanted then verdict = 'look' end
  end
  -- Without BullMQ's scripts, a worker that has the component cannot fetch those that wait for it.
  if has and not addJob and isAside(record.component) then
    gates(record.component).probe(MOST_ADMITTED)
  end
  if bound or isolated then
    local concurrency, max, duration = nil, nil, nil
    if bound then concurrency, max, duration = tonumber(limits[bound + 1]), tonumber(limits[bound + 2]), limits[bound + 3] end
    if isolated then concurrency = 1 end
    local passes, wait = gates(record.component).pass(x, key, concurrency, max, duration)
    if not passes then return 'wait', wait and text(wait) or '' end
  elseif record.gate then
    gates(record.component).leave(x, key)
  end
  -- A job that the script itself has added was never remembered as unconfirmed.
  if not isBrought(x, ticket) then redis.call('ZREM', dueKey(), 't:' .. ticket .. ':' .. key) end
  if isolated or num(record.suspicions, 0) >= CRASHES_UNTIL_ISOLATED then note(x, 'isolated', '1') end
  become(x, key, 'running', 'run', run, 'node', node, 'attempt', text(num(record.attempt, 0) + 1))
  emit(x, 'state')
  return verdict, recordOf(x)
end

-- The reply for a job that a worker has taken. `args` contain the process, the run and the limits, from `first` on.
local function taken(id, ticket, args, first)
  if not id then return false end
  local verdict, value = claim(ticket.key, ticket.ticket, args[first], args[first + 1], args, first + 2)
  return { verdict, value or false, id, ticket.key, ticket.ticket }
end
