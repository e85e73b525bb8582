--[[
Messages to processes.
]]

-- Messages that an inbox keeps. A process that falls further behind reads again what it watches.
local LONGEST_INBOX = 10000

-- The bytes of an inbox up to which messages of a kind find room: progress goes first, then log lines. The rest is small, cannot
-- be read again, and always gets through.
local ROOM = { progress = INBOX_ROOM * 3 / 4, notice = INBOX_ROOM * 7 / 8, state = INBOX_ROOM, question = INBOX_ROOM,
  closed = INBOX_ROOM, ['end'] = INBOX_ROOM, session = INBOX_ROOM }

-- How many executions are remembered whose progress found no room.
local MOST_AGAIN = 1000

-- The bytes of a message, counted once for all processes that get it.
local function sizeOf(entry)
  entry.size = entry.size or #table.concat(entry)
  return entry.size
end

-- Leaves out a message for which an inbox has no room. The process learns of it as it acknowledges what is there. A gap in the
-- numbers makes it read everything again; that is not worth while for progress, of which it reads one execution again, or for
-- log lines.
local function leaveOut(node, event, key)
  local fill = fillKey(node)
  redis.call('HINCRBY', fill, 'dropped:' .. event, 1)
  if event == 'progress' then
    if redis.call('HLEN', fill) > MOST_AGAIN then return end
    redis.call('HSET', fill, 'again:' .. (key or ''), '1')
  end
  if event == 'progress' or event == 'notice' then redis.call('DECR', nodeKey(node)) end
end

-- Sends a message to a process. False if the process is gone. The second item is the kind of message; `key` names the execution
-- that it is about.
local function post(node, entry, key)
  local number = redis.pcall('INCR', nodeKey(node))
  -- Damaged. The process joins again at its next heartbeat.
  if type(number) == 'table' then number = 1 end
  -- A process joins with number 1. If this is the first number, there is no such process.
  if number == 1 then
    redis.call('DEL', nodeKey(node))
    return false
  end
  local event, size = entry[2], sizeOf(entry)
  local bytes = redis.pcall('HINCRBY', fillKey(node), 'bytes', size)
  if type(bytes) == 'table' or bytes == size then
    -- An earlier version, which does not acknowledge, or damaged: only the number of its messages is bounded.
    redis.call('DEL', fillKey(node))
    size = 0
  elseif ROOM[event] and bytes - size > 1 and bytes > ROOM[event] then
    redis.call('HINCRBY', fillKey(node), 'bytes', -size)
    leaveOut(node, event, key)
    return true
  end
  local inbox = inboxKey(node)
  if type(redis.pcall('XADD', inbox, 'MAXLEN', '~', LONGEST_INBOX, '*', '@number', number, '@bytes', size, unpack(entry))) == 'table' then
    -- Damaged. The process misses what was there and reads it again; at its next heartbeat it joins anew.
    redis.call('DEL', inbox, nodeKey(node), fillKey(node))
    return false
  end
  return true
end
