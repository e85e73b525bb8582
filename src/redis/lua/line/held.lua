--[[
The runs that a process holds, each with its job and its lock. A process whose event loop is blocked renews their leases from
another thread, which learns of them here: before their replies are read.
]]
--- @include "lib/record"

-- How long the runs of a process are remembered after its last renewal, in milliseconds.
local HELD_TTL = 3600000

-- Notes that a process holds a run.
local function hold(node, run, id, lock)
  redis.call('HSET', heldKey(node), run, id .. ' ' .. lock)
  if redis.call('PTTL', heldKey(node)) < 0 then redis.call('PEXPIRE', heldKey(node), HELD_TTL) end
end

-- Notes that the run of an execution is over. Must precede its removal from the record.
local function letGo(x)
  local record = facts(x)
  if record.run then redis.call('HDEL', heldKey(record.node), record.run) end
end
