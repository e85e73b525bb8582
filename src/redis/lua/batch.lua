--[[
Runs a step once for each list of arguments. A single list follows an empty ARGV[1] as it is. Several come as JSON in ARGV[1];
there a number in a list is the index of a large text in ARGV. A failed step fails only its own caller.
]]
--- @include "lib/state"

local replies = {}
local isSingle = ARGV[1] == ''
for number, own in ipairs(isSingle and { { unpack(ARGV, 2) } } or cjson.decode(ARGV[1])) do
  if ARGV[2] and not isSingle then
    for i, value in ipairs(own) do
      if type(value) == 'number' then own[i] = ARGV[value] end
    end
  end
  records, called = {}, {}
  local done, reply = pcall(step, own)
  if not done then
    local why = type(reply) == 'table' and reply.err or tostring(reply)
    -- The error of a replica must fail the whole command, so that the connection notices it and looks for the master.
    local replica = string.match(why, 'READONLY .*')
    if replica then return { err = replica } end
    reply = { err = why }
  end
  replies[number] = reply or false
end
if PACKED then return { cjson.encode(replies), unpack(beside) } end
return replies
