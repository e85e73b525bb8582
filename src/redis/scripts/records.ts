/** Inputs of at least this size, in bytes, are read only when needed. */
const largeInput = 4_096;

/**
 * Part of the prelude: how scripts read and write records. Scripts treat users' values as opaque JSON text, since Lua's JSON
 * confuses empty lists with empty objects. Numbers are written by text(), since Lua writes large ones with an exponent.
 */
export const records: Readonly<Record<string, string>> = {
  now: `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`,

  terminal: `
local terminal = { completed = true, failed = true, cancelled = true }`,

  // Times are capped at the last valid date.
  text: `
local function text(number) return string.format('%d', number < 8.64e15 and number or 8.64e15) end`,

  // A number in a record. The record may be one that this version cannot read.
  num: `
local function num(value, otherwise) return tonumber(value) or otherwise end`,

  // The records of a step by their keys, each read once. After that, only write(), note(), become() and drop() change them.
  records: `
local records = {}`,

  // An input may be large, and few steps need it. An empty text stands for one that was not read.
  facts: `
local function facts(x)
  local record = records[x]
  if not record then
    record = {}
    if redis.call('HSTRLEN', x, 'input') < ${largeInput} then
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
end`,

  // Large texts that are sent beside the packed replies.
  beside: `
local beside = {}`,

  // A record for a packed reply. Must be the last use of the record in a step.
  recordOf: `
local function recordOf(x)
  local record = facts(x)
  if record.input == '' then
    beside[#beside + 1] = redis.call('HGET', x, 'input')
    record.input = #beside
  end
  return record
end`,

  // The time to write into a record. It never goes back.
  timeOf: `
local function timeOf(x) return math.max(now, num(facts(x).updatedAt, 0)) end`,

  // Writes fields of a record without a new revision.
  note: `
local function note(x, ...)
  local record, fields = facts(x), { ... }
  for i = 1, #fields, 2 do record[fields[i]] = tostring(fields[i + 1]) end
  redis.call('HSET', x, ...)
end`,

  // Writes fields of a record, with the time and a new revision.
  write: `
local function write(x, ...)
  local at = timeOf(x)
  note(x, 'updatedAt', text(at), 'revision', num(facts(x).revision, 0) + 1, ...)
  return at
end`,

  // Removes fields from a record, if present.
  drop: `
local function drop(x, ...)
  local record, present = facts(x), {}
  for _, name in ipairs({ ... }) do
    if record[name] then
      present[#present + 1] = name
      record[name] = nil
    end
  end
  if #present > 0 then redis.call('HDEL', x, unpack(present)) end
end`,
};
