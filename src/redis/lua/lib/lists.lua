--[[
The lists of executions: those of each state, which an execution is in as long as its record lives, and those of an owner.
]]
--- @include "lib/record"
--- @include "lib/values"

-- Extra TTL of the lists of ended executions, in milliseconds, so that few ends have to extend it.
local LIST_SLACK = 600000

-- Moves an execution to a state, and to the list of that state.
local function become(x, key, state, ...)
  local was = facts(x).state
  local at = write(x, 'state', state, ...)
  if was ~= state then
    if was then redis.call('ZREM', stateKey(was), key) end
    redis.call('ZADD', stateKey(state), tonumber(facts(x).generation) and facts(x).generation or '0', key)
  end
  return at
end

-- Until when the lists of ended executions live at least, as far as the steps of a command know.
local listedUntil = {}

-- Removes executions from the lists of ended ones.
local function unlist(...)
  listedUntil = {}
  if redis.call('ZREM', expiringKey(), ...) == 0 then return end
  for state in pairs(terminal) do redis.call('ZREM', stateKey(state), ...) end
end

-- Removes an execution from the lists of live ones, because its record is gone.
local function unlistMissing(key)
  for _, state in ipairs({ 'scheduled', 'queued', 'running' }) do redis.call('ZREM', stateKey(state), key) end
end

-- Removes expired executions from the lists. Returns whether there may be more.
local function forgetExpired(most)
  local keys = redis.call('ZRANGEBYSCORE', expiringKey(), '-inf', text(now), 'LIMIT', 0, most)
  if #keys > 0 then unlist(unpack(keys)) end
  return #keys == most
end

-- Adds an ended execution to the lists, which must live at least as long as the last record in them.
local function listUntil(state, key, expiresAt)
  redis.call('ZADD', expiringKey(), text(expiresAt), key)
  if (listedUntil[state] or 0) >= expiresAt then return end
  local left = redis.call('PTTL', stateKey(state))
  listedUntil[state] = now + left
  if left >= expiresAt - now then return end
  local life = expiresAt - now + LIST_SLACK
  redis.call('PEXPIRE', stateKey(state), text(life))
  if redis.call('PTTL', expiringKey()) < life then redis.call('PEXPIRE', expiringKey(), text(life)) end
end

-- Under what the open tasks of a client are counted; nil if that is not more than its owner.
local function countedClient(client, owner) return client and client ~= owner and 'client:' .. client or nil end

-- Sets the TTL of an owner's lists: without open tasks, they live as long as the last record in them.
local function keepLists(owner)
  local lists = { tasksKey(owner), endedKey(owner) }
  if redis.call('EXISTS', openKey(owner)) == 1 then
    for _, list in ipairs(lists) do redis.call('PERSIST', list) end
    return
  end
  local last = redis.call('ZREVRANGE', endedKey(owner), 0, 0, 'WITHSCORES')
  for _, list in ipairs(lists) do
    if last[2] then redis.call('PEXPIREAT', list, last[2]) else redis.call('DEL', list) end
  end
end

-- Removes expired tasks from the lists of an owner.
local function purge(owner, most)
  for _, key in ipairs(redis.call('ZRANGEBYSCORE', endedKey(owner), '-inf', text(now), 'LIMIT', 0, most)) do
    redis.call('ZREM', endedKey(owner), key)
    redis.call('ZREM', tasksKey(owner), key)
  end
end
