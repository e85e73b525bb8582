--[[
Reads a page of an owner's tasks, the newest first.

KEYS      1: prefix of the docket, for ended execution expiring open state tasks
ARGV      owner; the number below which the page starts or '+inf'; how many
Returns   for each task its number and its record; one more than asked for if there are more
Must not  scan, or return what has expired
Options   alone
]]
--- @include "lib/damage"
--- @include "lib/lists"

local owner, before, limit = ARGV[1], ARGV[2], tonumber(ARGV[3])
purge(owner, 1000)
local found = {}
while true do
  local keys = redis.call('ZREVRANGEBYSCORE', tasksKey(owner), before, '-inf', 'WITHSCORES', 'LIMIT', 0, limit + 1)
  for i = 1, #keys, 2 do
    local record = sound(redis.pcall('HGETALL', executionKey(keys[i]))) or { 'key', keys[i] }
    if #record > 0 then found[#found + 1] = { keys[i + 1], record } end
    if #found > limit then return found end
    before = '(' .. keys[i + 1]
  end
  if #keys == 0 then return found end
end
