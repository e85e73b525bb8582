/** How much one step does at most. */
const most = 100;

/** After so long at the latest it is looked whether somebody before a gate may go on, in milliseconds. */
const longestWait = 10_000;

/**
 * Part of the prelude: what bounds the runs of a component. A ticket that comes when there is no place is given up, and its
 * execution waits before the gate, in the order of the line; whoever leaves calls the next one, with a ticket for the front
 * of the line. It has no place until that is claimed: what is called holds up nothing that goes before it. The field `gate`
 * of a record says where it is. All of it is inside of one function, which costs nothing where nobody calls that.
 */
export const gates = `
local function gates(component)
  local function at(part) return gateKey(part .. ':' .. component) end

  -- How an execution stands before a gate: its place in line, then its key.
  local function atGate(x, key) return placeOf(facts(x).ticket) .. ':' .. key end

  -- Takes an execution from where its component has it.
  local function take(x, key)
    local record = facts(x)
    if record.gate == 'running' then redis.call('SREM', at('running'), key)
    elseif record.gate == 'called' then redis.call('SREM', at('called'), key)
    elseif record.gate == 'blocked' then redis.call('ZREM', at('blocked'), atGate(x, key)) end
  end

  -- How many more runs may begin, and how long it is until the time of the rate has passed if that is why there are none.
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

  -- Calls as many as may begin. Gives how long it is until somebody has to look again, if anybody waits on.
  local function tend()
    local blocked = at('blocked')
    local wait
    if redis.call('EXISTS', blocked) == 1 then
      local limits = redis.call('HMGET', at('limits'), 'concurrency', 'max')
      local room, closed = roomFor(tonumber(limits[1] or ''), tonumber(limits[2] or ''))
      room = room - redis.call('SCARD', at('called'))
      wait = math.min(closed or math.huge, ${longestWait})
      local looked = 0
      while room > 0 do
        local first = redis.call('ZRANGE', blocked, 0, 0)[1]
        if not first then break end
        looked = looked + 1
        if looked > ${most} then
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

  -- An execution neither runs nor waits for its turn any more.
  local function leave(x, key)
    take(x, key)
    drop(x, 'gate')
    tend()
  end

  -- One that may run has not begun: nobody is to wait for the time of the rate on its account.
  local function undo(x, key)
    if facts(x).gate == 'running' and redis.call('EXISTS', at('starts')) == 1 then redis.call('DECR', at('starts')) end
    leave(x, key)
  end

  -- Whether an execution whose ticket was claimed may run. If not, it waits before the gate; how long it is until somebody has to
  -- look comes second. Limits that there are none of are nil. One that ran already has its place.
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

  -- Takes from a gate what is there no more, as it may be after a loss of data, and calls who may go on.
  local function repair()
    for gate, set in pairs({ running = at('running'), called = at('called') }) do
      for _, key in ipairs(redis.call('SRANDMEMBER', set, ${most})) do
        local record = facts(executionKey(key))
        if record.gate ~= gate or record.component ~= component then redis.call('SREM', set, key) end
      end
    end
    tend()
  end
  -- What bounds the component is unknown until the next claim says it. Whoever waits here is called meanwhile.
  local function open()
    if redis.call('EXISTS', at('limits')) == 0 then return end
    redis.call('HSET', at('limits'), 'concurrency', '')
    tend()
  end
  return { leave = leave, undo = undo, pass = pass, repair = repair, open = open }
end`;
