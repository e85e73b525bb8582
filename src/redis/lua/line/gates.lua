--[[
The limits of a component. If they leave no room for a run, its job is dropped and the execution is blocked, in the order of the
waiting list. A run that ends admits the next one, which gets a job at the front of the list. It takes no room until that job is
acquired, so an admitted execution delays none that precedes it. The field `gate` of a record says where the execution is.

Executions whose component a worker does not have wait here as well, until a worker that has it takes them: in the waiting list,
they would only move from one worker to the next.
]]
--- @include "lib/record"
--- @include "lib/state"
--- @include "lib/values"
--- @include "line/jobs"

-- Maximum number of executions that one step handles.
local MOST = 100

-- Longest pause between two checks whether a waiting execution can be admitted, in milliseconds.
local LONGEST_WAIT = 10000

-- How often one of the executions that wait for a worker with their component is tried, in milliseconds: on all workers together.
local PROBE_INTERVAL = 1000

-- The gate of a component. Everything is inside one function, which costs nothing until it is called.
local function gates(component)
  local function at(part) return gateKey(part .. ':' .. component) end

  -- The member of a blocked execution in the sorted set: its position in the waiting list, then its key.
  local function atGate(x, key) return placeOf(facts(x).ticket) .. ':' .. key end

  -- Forgets that executions wait for a worker that has the component, if none do.
  local function tidy()
    if redis.call('EXISTS', at('unknown')) == 1 then return end
    redis.call('SREM', unknownKey(), component)
    redis.call('ZREM', dueKey(), 'u::' .. component)
  end

  -- Removes an execution from the set that it is in.
  local function take(x, key)
    local record = facts(x)
    if record.gate == 'running' then redis.call('SREM', at('running'), key)
    elseif record.gate == 'called' then redis.call('SREM', at('called'), key)
    elseif record.gate == 'blocked' then redis.call('ZREM', at('blocked'), atGate(x, key))
    elseif record.gate == 'unknown' then
      redis.call('ZREM', at('unknown'), atGate(x, key))
      tidy()
    end
  end

  -- How many more runs may begin. If the rate allows none, also the milliseconds until its window ends.
  local function roomFor(concurrency, max)
    local room, wait = math.huge, nil
    if concurrency then room = concurrency - redis.call('SCARD', at('running')) end
    if max then
      local left = max - tonumber(redis.call('GET', at('starts')) or 0)
      if left <= 0 then wait = math.max(redis.call('PTTL', at('starts')), 0) + 1 end
      room = math.min(room, left)
    end
    return room, wait
  end

  -- Admits as many as may begin. Returns the milliseconds until the next check, if any are still blocked.
  local function tend()
    local blocked = at('blocked')
    local wait
    if redis.call('EXISTS', blocked) == 1 then
      local limits = redis.call('HMGET', at('limits'), 'concurrency', 'max')
      local room, closed = roomFor(tonumber(limits[1] or ''), tonumber(limits[2] or ''))
      room = room - redis.call('SCARD', at('called'))
      wait = math.min(closed or math.huge, LONGEST_WAIT)
      local looked = 0
      while room > 0 do
        local first = redis.call('ZRANGE', blocked, 0, 0)[1]
        if not first then break end
        looked = looked + 1
        if looked > MOST then
          wait = 0
          break
        end
        redis.call('ZREM', blocked, first)
        local key = string.match(first, '^%d+:(.*)$')
        local x = executionKey(key)
        if facts(x).gate == 'blocked' and atGate(x, key) == first then
          local ticket = newTicket(placeOf(facts(x).ticket))
          note(x, 'ticket', ticket, 'gate', 'called')
          redis.call('SADD', at('called'), key)
          awaitTicket(key, ticket)
          called[#called + 1] = { key, ticketOf(x) }
          room = room - 1
        end
      end
    end
    if wait and redis.call('EXISTS', blocked) == 1 then
      redis.call('ZADD', dueKey(), text(now + wait), 'g::' .. component)
      return wait
    end
    redis.call('ZREM', dueKey(), 'g::' .. component)
    if redis.call('EXISTS', at('running'), at('called')) == 0 then redis.call('DEL', at('limits')) end
  end

  -- Removes an execution that no longer runs or waits for admission.
  local function leave(x, key)
    take(x, key)
    drop(x, 'gate')
    tend()
  end

  -- Removes an admitted run that never began, and does not count it against the rate.
  local function undo(x, key)
    if facts(x).gate == 'running' and redis.call('EXISTS', at('starts')) == 1 then redis.call('DECR', at('starts')) end
    leave(x, key)
  end

  -- Whether an execution whose job was acquired may run. If not, it is blocked, and the milliseconds until the next check come
  -- second. An absent limit is nil. An execution that is already running keeps its room.
  local function pass(x, key, concurrency, max, duration)
    local record = facts(x)
    if record.gate == 'running' then return true end
    take(x, key)
    redis.call('HSET', at('limits'), 'concurrency', concurrency or '', 'max', max or '')
    local priority, mine = num(record.priority, 0), atGate(x, key)
    local first = redis.call('ZRANGE', at('blocked'), 0, 0, 'WITHSCORES')
    local score = tonumber(first[2])
    if roomFor(concurrency, max) > 0 and not (score and (score < priority or (score == priority and first[1] < mine))) then
      redis.call('SADD', at('running'), key)
      if max and redis.call('INCR', at('starts')) == 1 then redis.call('PEXPIRE', at('starts'), duration) end
      note(x, 'gate', 'running')
      if score then tend() end
      return true
    end
    redis.call('ZADD', at('blocked'), priority, mine)
    redis.call('ZREM', dueKey(), 't:' .. record.ticket .. ':' .. key)
    note(x, 'gate', 'blocked')
    return false, tend()
  end

  -- Removes executions that should not be here, as after a loss of data, and admits those that may begin.
  local function repair()
    for gate, set in pairs({ running = at('running'), called = at('called') }) do
      for _, key in ipairs(redis.call('SRANDMEMBER', set, MOST)) do
        local record = facts(executionKey(key))
        if record.gate ~= gate or record.component ~= component then redis.call('SREM', set, key) end
      end
    end
    tend()
  end

  -- The limits of the component are unknown until the next acquisition. All blocked executions are admitted until then.
  local function open()
    if redis.call('EXISTS', at('limits')) == 0 then return end
    redis.call('HSET', at('limits'), 'concurrency', '')
    tend()
  end

  -- Lets an execution wait for a worker that has its component.
  local function setAside(x, key)
    take(x, key)
    redis.call('ZADD', at('unknown'), num(facts(x).priority, 0), atGate(x, key))
    redis.call('SADD', unknownKey(), component)
    redis.call('ZADD', dueKey(), 'NX', text(now + PROBE_INTERVAL), 'u::' .. component)
    redis.call('ZREM', dueKey(), 't:' .. facts(x).ticket .. ':' .. key)
    note(x, 'gate', 'unknown')
  end

  -- Whether a worker may look if it has the component: only one does at a time.
  local function mayLook() return redis.call('SET', at('look'), '1', 'PX', PROBE_INTERVAL, 'NX') end

  -- The priority and the position of the first execution that waits for a worker with the component. Nil if none does.
  local function firstAside()
    local first = redis.call('ZRANGE', at('unknown'), 0, 0, 'WITHSCORES')
    if first[1] then return tonumber(first[2]), tonumber(string.match(first[1], '^%d+')) end
  end

  -- Takes out the first execution that waits for a worker with the component. Returns its key and its new job number.
  local function resume()
    for _ = 1, MOST do
      local first = redis.call('ZRANGE', at('unknown'), 0, 0)[1]
      if not first then break end
      redis.call('ZREM', at('unknown'), first)
      local key = string.match(first, '^%d+:(.*)$')
      local x = executionKey(key)
      if facts(x).gate == 'unknown' and atGate(x, key) == first then
        local ticket = newTicket(placeOf(facts(x).ticket))
        note(x, 'ticket', ticket)
        drop(x, 'gate')
        -- No probe overtakes those that are being fetched.
        redis.call('ZADD', dueKey(), 'XX', text(now + PROBE_INTERVAL), 'u::' .. component)
        tidy()
        return key, ticket
      end
    end
    tidy()
  end

  -- Gives the first ones a job, for whichever worker is next.
  local function probe(most)
    for _ = 1, most do
      local key, ticket = resume()
      if not key then return end
      awaitTicket(key, ticket)
      called[#called + 1] = { key, ticketOf(executionKey(key)) }
    end
    if firstAside() then redis.call('ZADD', dueKey(), text(now + PROBE_INTERVAL), 'u::' .. component) end
  end

  return { leave = leave, undo = undo, pass = pass, repair = repair, open = open, setAside = setAside, mayLook = mayLook,
    firstAside = firstAside, resume = resume, probe = probe }
end
