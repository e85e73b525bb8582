--[[
Reads a page of all executions, the newest first.

KEYS      1: prefix of the docket, for ended execution expiring open state tasks
ARGV      the number below which the page starts or '+inf'; how many; a component or ''; 'failed' to leave out the completed ones that
          did not fail for their client, or ''; states
Returns   the summaries; the number below which the next page starts, or ''
Must not  look at more than MOST_LOOKED_AT records
Options   alone
]]
--- @include "lib/damage"
--- @include "lib/lists"
--- @include "lib/values"

forgetExpired(500)
local before, limit, component, failed = ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[4] == 'failed'
local most = component == '' and not failed and limit or MOST_LOOKED_AT
local all = {}
for i = 5, #ARGV do
  local keys = redis.call('ZREVRANGEBYSCORE', stateKey(ARGV[i]), before, '-inf', 'WITHSCORES', 'LIMIT', 0, most + 1)
  for j = 1, #keys, 2 do all[#all + 1] = { keys[j], tonumber(keys[j + 1]), ARGV[i] } end
end
table.sort(all, function(a, b) return a[2] > b[2] end)
local found = {}

-- Whether a completed execution is left out.
local function succeeded(key) return sound(redis.pcall('HGET', executionKey(key), 'isError')) == false end

for i, entry in ipairs(all) do
  if i > most or #found == limit then return { found, text(all[i - 1][2]) } end
  if not (failed and entry[3] == 'completed' and succeeded(entry[1])) then
    local fields = sound(redis.pcall('HMGET', executionKey(entry[1]), SUMMARY_FIELDS))
    if not fields then
      found[#found + 1] = { entry[1] }
    elseif fields[1] and (component == '' or fields[2] == component) then found[#found + 1] = fields end
  end
end
return { found, '' }
