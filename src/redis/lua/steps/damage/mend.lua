--[[
Removes values of the wrong type, which keep steps from running, and with them what they held.

KEYS      1: prefix of the docket, for asked due execution gate line prioritized questions queue sequence state
ARGV      the parts of the keys with their types, as JSON; then names: of executions, sessions, owners, components, processes ...
Returns   the keys that were removed, each with the type it had
Must not  touch a sound value, or the record of an execution, which would then count as expired
Options   alone
]]
--- @include "lib/damage"
--- @include "lib/values"
--- @include "line/jobs"

-- How many executions of each state are looked at for names.
local LOOKED_AT = 20

local names, known = { '' }, { [''] = true }
local function add(name)
  if name and not known[name] then
    known[name] = true
    names[#names + 1] = name
  end
end
local function addOf(key)
  local fields = sound(redis.pcall('HMGET', executionKey(key), 'owner', 'session', 'component', 'node'))
  for i = 1, 4 do add(fields and fields[i]) end
end
for i = 2, #ARGV do
  add(ARGV[i])
  addOf(ARGV[i])
end
for _, state in ipairs({ EXECUTION_STATES }) do
  add(state)
  for _, key in ipairs(sound(redis.pcall('ZRANGE', stateKey(state), -LOOKED_AT, -1)) or {}) do
    add(key)
    addOf(key)
  end
end

-- How many executions of a lost list are put into a new one.
local MOST_RESTORED = 1000

-- Schedules executions and deadlines again, whose times were lost.
local function restoreTimes()
  for _, key in ipairs(sound(redis.pcall('ZRANGE', stateKey('scheduled'), 0, MOST_RESTORED - 1)) or {}) do
    local at = sound(redis.pcall('HGET', executionKey(key), 'runAt'))
    if at and tonumber(at) then redis.call('ZADD', dueKey(), at, 'x::' .. key) end
  end
  for i, member in ipairs(sound(redis.pcall('SMEMBERS', askedKey())) or {}) do
    if i > MOST_RESTORED then break end
    local name, key = string.match(member, '^([^:]*):(.*)$')
    local at = name and sound(redis.pcall('HGET', questionsKey(key), 'e:' .. name))
    if at and tonumber(at) then redis.call('ZADD', dueKey(), at, 'q:' .. member) end
  end
  for i = 2, #names do
    if redis.call('EXISTS', gateKey('blocked:' .. names[i])) == 1 then redis.call('ZADD', dueKey(), text(now), 'g::' .. names[i]) end
    if redis.call('EXISTS', gateKey('unknown:' .. names[i])) == 1 then redis.call('ZADD', dueKey(), text(now), 'u::' .. names[i]) end
  end
end

-- Gives executions a new job, whose jobs were lost with the waiting list.
local function restoreLine()
  for _, key in ipairs(sound(redis.pcall('ZRANGE', stateKey('queued'), 0, MOST_RESTORED - 1)) or {}) do
    local fields = sound(redis.pcall('HMGET', executionKey(key), 'ticket', 'gate')) or {}
    if fields[1] and string.match(fields[1], '^%d+') and fields[2] ~= 'blocked' and fields[2] ~= 'unknown' then
      local ticket = newTicket(placeOf(fields[1]))
      redis.call('HSET', executionKey(key), 'ticket', ticket)
      redis.call('ZADD', dueKey(), text(now), 't:' .. ticket .. ':' .. key)
    end
  end
end

local removed, lost = {}, {}
local function check(key, expected)
  local found = redis.call('TYPE', key).ok
  if found == 'none' then return end
  if found == 'string' and expected == 'counter' then
    if tonumber(redis.call('GET', key)) then return end
    found = 'text'
  elseif found == expected then return end
  redis.call('DEL', key)
  lost[key] = true
  removed[#removed + 1] = { string.sub(key, #KEYS[1] + 2), found }
  -- Numbers of jobs and generations must not come again.
  if key == sequenceKey() then redis.call('SET', key, text(now * 100)) end
end
for _, part in ipairs(cjson.decode(ARGV[1])) do
  if part[3] then check(KEYS[1] .. ':' .. part[1], part[2])
  else
    for _, name in ipairs(names) do
      if name ~= '' then check(KEYS[1] .. ':' .. part[1] .. name, part[2]) end
    end
  end
end
-- BullMQ fails to add jobs if this is no number. It sets it again.
local meta = queueKey('meta')
local most = redis.call('HGET', meta, 'opts.maxLenEvents')
if most and not tonumber(most) then
  redis.call('HDEL', meta, 'opts.maxLenEvents')
  removed[#removed + 1] = { string.sub(meta, #KEYS[1] + 2), 'text' }
end
if lost[dueKey()] then restoreTimes() end
if lost[lineKey()] or lost[prioritizedKey()] then restoreLine() end
return removed
