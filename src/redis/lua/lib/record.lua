--[[
How steps read and write records. Users' values stay opaque JSON text: Lua's JSON confuses empty lists with empty objects.
]]
--- @include "lib/state"
--- @include "lib/values"

local terminal = { completed = true, failed = true, cancelled = true }
-- A damaged state is neither.
local alive = { scheduled = true, queued = true, running = true }

-- Few steps need the input, which may be large. From this size in bytes, it is not read, and an empty text stands for it.
local LARGE_INPUT = 4096

-- The keys of records in whose place there is a value of another type.
local broken = {}

-- The record at a key, by field. A broken one counts as absent.
local function facts(x)
  local record = records[x]
  if not record then
    record = {}
    local length = redis.pcall('HSTRLEN', x, 'input')
    if type(length) == 'table' then
      broken[x] = true
    elseif length < LARGE_INPUT then
      local fields = redis.call('HGETALL', x)
      for i = 1, #fields, 2 do record[fields[i]] = fields[i + 1] end
    else
      for _, name in ipairs(redis.call('HKEYS', x)) do
        record[name] = name == 'input' and '' or redis.call('HGET', x, name)
      end
    end
    records[x] = record
  end
  return record
end

-- Fails for a broken record, which is not the same as none.
local function refuseBroken(x)
  if broken[x] then error({ err = 'WRONGTYPE The record is broken' }) end
end

-- The time to write into a record. It never goes back.
local function timeOf(x) return math.max(now, num(facts(x).updatedAt, 0)) end

-- Writes fields of a record without a new revision.
local function note(x, ...)
  local record, fields = facts(x), { ... }
  for i = 1, #fields, 2 do record[fields[i]] = tostring(fields[i + 1]) end
  redis.call('HSET', x, ...)
end

-- Writes fields of a record, with the time and a new revision.
local function write(x, ...)
  local at = timeOf(x)
  note(x, 'updatedAt', text(at), 'revision', text(num(facts(x).revision, 0) + 1), ...)
  return at
end

-- Removes fields from a record, if present.
local function drop(x, ...)
  local record, present = facts(x), {}
  for _, name in ipairs({ ... }) do
    if record[name] then
      present[#present + 1] = name
      record[name] = nil
    end
  end
  if #present > 0 then redis.call('HDEL', x, unpack(present)) end
end

-- The record at a key, whose input is sent beside the reply if it is large. Must be the last use of the record in a step.
local function recordOf(x)
  local record = facts(x)
  if record.input == '' then
    beside[#beside + 1] = redis.call('HGET', x, 'input')
    record.input = #beside
  end
  return record
end

-- Whether the run still owns its execution.
local function owns(x, run) return facts(x).run == run end
