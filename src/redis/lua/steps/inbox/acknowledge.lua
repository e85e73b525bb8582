--[[
Removes the messages that a process has read, and tells it what found no room since it last did so.

KEYS      1: prefix of the docket, for fill inbox node
ARGV      process; the id of the last message it has read; the bytes that it has read since it last acknowledged
Returns   1, or 0 if nobody counts the bytes
Must not  remove messages that were not read, or count them twice if the command is sent again
]]
--- @include "lib/post"
--- @include "lib/values"

local node, inbox, fill = ARGV[1], inboxKey(ARGV[1]), fillKey(ARGV[1])
local bytes = tonumber(redis.call('HGET', fill, 'bytes'))
if not bytes then return 0 end
local time, number = string.match(ARGV[2], '^(%d+)-(%d+)$')
local trimmed = redis.call('XTRIM', inbox, 'MINID', '=', time .. '-' .. text(number + 1))
if redis.call('XLEN', inbox) == 0 then bytes = 1
elseif trimmed > 0 then bytes = math.max(bytes - ARGV[3], 1) end
redis.call('HSET', fill, 'bytes', text(bytes))
if redis.call('HLEN', fill) == 1 then return 1 end
local fields, again, left = redis.call('HGETALL', fill), {}, { '@event', 'dropped' }
for i = 1, #fields, 2 do
  local what, name = string.match(fields[i], '^(%a+):(.*)$')
  if what == 'again' then again[#again + 1] = name end
  if what == 'dropped' then
    left[#left + 1] = name
    left[#left + 1] = fields[i + 1]
  end
  if what then redis.call('HDEL', fill, fields[i]) end
end
if #again > 0 then
  left[#left + 1] = '@again'
  left[#left + 1] = cjson.encode(again)
end
post(node, left)
return 1
