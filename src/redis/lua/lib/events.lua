--[[
What processes hear of executions.
]]
--- @include "lib/post"
--- @include "lib/record"

-- Fields of a record that no watcher needs.
local unseen = { input = true, run = true, node = true, ticket = true, gate = true,
  addedBy = true, settledBy = true, answeredBy = true, awaitedBy = true, answerers = true }

-- Sends an event with the current record to every process that watches the execution, its session or everything.
local function emit(x, event, ...)
  local record = facts(x)
  local sets = { allWatchKey(), keyWatchKey(record.key) }
  if record.session then sets[3] = sessionWatchKey(record.session) end
  local nodes = redis.call('SUNION', unpack(sets))
  if #nodes == 0 then return end
  local entry = { '@event', event, ... }
  for name, value in pairs(record) do
    if not unseen[name] then
      entry[#entry + 1] = name
      entry[#entry + 1] = value
    end
  end
  for _, node in ipairs(nodes) do
    if not post(node, entry, record.key) then
      for _, set in ipairs(sets) do redis.call('SREM', set, node) end
    end
  end
end

-- Sends the state of an execution to the processes that wait for its end. Their ids are in its record.
local function tellEnd(x, awaitedBy)
  if not awaitedBy then return end
  local record, entry = facts(x), { '@event', 'end' }
  for _, name in ipairs({ END_FIELDS }) do
    if record[name] then
      entry[#entry + 1] = name
      entry[#entry + 1] = record[name]
    end
  end
  for node in string.gmatch(awaitedBy, '%S+') do post(node, entry) end
end
