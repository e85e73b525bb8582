--[[
Messages to processes.
]]

-- Messages that an inbox keeps. A process that falls further behind reads again what it watches.
local LONGEST_INBOX = 10000

-- Sends a message to a process. False if the process is gone.
local function post(node, entry)
  local number = redis.call('INCR', nodeKey(node))
  -- A process joins with number 1. If this is the first number, there is no such process.
  if number == 1 then
    redis.call('DEL', nodeKey(node))
    return false
  end
  redis.call('XADD', inboxKey(node), 'MAXLEN', '~', LONGEST_INBOX, '*', '@number', number, unpack(entry))
  return true
end
