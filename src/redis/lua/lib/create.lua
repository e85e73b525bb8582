--[[
How executions begin.
]]
--- @include "lib/events"
--- @include "lib/lists"
--- @include "lib/record"
--- @include "lib/state"
--- @include "lib/values"
--- @include "line/jobs"
--- @include "line/queue"

-- Creates an execution, in place of an ended one with the same key. Returns its job. Registers the process `awaits` for its
-- end. Generations are numbered across the docket, so an expired one is never confused with a later one.
local function create(x, key, runAt, fields, awaits)
  -- A full Redis refuses this write, provided that the step has written nothing before.
  local number = newTicket()
  local known = facts(x)
  if known.state or broken[x] then
    redis.call('DEL', x)
    broken[x] = nil
    records[x] = { updatedAt = known.updatedAt }
  end
  -- Processes that wait for the end of the previous execution are notified of the new one, and may keep waiting.
  -- Those that are gone are dropped: a key that is used again and again would collect them.
  local waiting, awaitedBy = known.awaitedBy, awaits or ''
  for node in string.gmatch(waiting or '', '%S+') do
    if node ~= awaits and redis.call('EXISTS', nodeKey(node)) == 1 then awaitedBy = awaitedBy .. ' ' .. node end
  end
  if awaitedBy ~= '' then
    fields[#fields + 1] = 'awaitedBy'
    fields[#fields + 1] = awaitedBy
  end
  if known.session then
    redis.call('ZREM', tasksKey(known.owner), key)
    redis.call('ZREM', endedKey(known.owner), key)
    keepLists(known.owner)
  end
  unlist(key)
  local ticket = enqueue(x, key, runAt, number, 'generation', number, 'createdAt', text(timeOf(x)), unpack(fields))
  tellEnd(x, waiting)
  return ticket
end
