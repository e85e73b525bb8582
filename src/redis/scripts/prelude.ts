import { endsKept } from '../../docket/sessions.js';
import { keysLua } from '../keys.js';

/** How many events a process may be behind before it has to read again what it watches. */
const longestInbox = 10_000;

/** How long Redis waits for the ticket of an execution before any process makes it again, in milliseconds. */
const ticketGrace = 5_000;

/** How much longer than they need to the lists of ended executions are kept, so that few ends have to say so, in milliseconds. */
const listSlack = 600_000;

/** How long it is remembered that tasks of a session ended unheard, in milliseconds. */
const missedLife = 3_600_000;

/**
 * What the scripts share. Values that users gave are texts of JSON to the scripts, which never look inside: Lua's JSON
 * takes an empty list for an empty object. Numbers are written by text(), as Lua would write large ones with an exponent.
 */
export const prelude = `
${keysLua}

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local terminal = { completed = true, failed = true, cancelled = true }
local unseen = { input = true, run = true, node = true, ticket = true, order = true,
  addedBy = true, settledBy = true, answeredBy = true }

local function text(number) return string.format('%.0f', number) end

-- A number in a record, which may be one that this version cannot read.
local function num(value, otherwise) return tonumber(value) or otherwise end

-- Writes fields of a record, and the time, which does not go back.
local function write(x, ...)
  local was = redis.call('HMGET', x, 'updatedAt', 'revision')
  local at = math.max(now, num(was[1], 0))
  redis.call('HSET', x, 'updatedAt', text(at), 'revision', num(was[2], 0) + 1, ...)
  return at
end

-- Brings an execution into a state, and into the list of that.
local function become(x, key, state, ...)
  local was = redis.call('HMGET', x, 'updatedAt', 'state', 'order', 'revision')
  local at = math.max(now, num(was[1], 0))
  redis.call('HSET', x, 'updatedAt', text(at), 'revision', num(was[4], 0) + 1, 'state', state, ...)
  if was[2] ~= state then
    if was[2] then redis.call('ZREM', stateKey(was[2]), key) end
    redis.call('ZADD', stateKey(state), num(was[3], 0), key)
  end
  return at
end

-- Takes executions that have ended out of the lists of those.
local function unlist(...)
  if redis.call('ZREM', expiringKey(), ...) == 0 then return end
  for state in pairs(terminal) do redis.call('ZREM', stateKey(state), ...) end
end

-- Takes an execution whose record is gone before its end out of the lists.
local function unlistMissing(key)
  for _, state in ipairs({ 'scheduled', 'queued', 'running' }) do redis.call('ZREM', stateKey(state), key) end
end

-- Takes what has expired out of the lists; whether there may be more.
local function forgetExpired(most)
  local keys = redis.call('ZRANGEBYSCORE', expiringKey(), '-inf', text(now), 'LIMIT', 0, most)
  if #keys > 0 then unlist(unpack(keys)) end
  return #keys == most
end

-- The lists of what has ended live at least as long as the last record that they name.
local function listUntil(state, key, expiresAt)
  redis.call('ZADD', expiringKey(), text(expiresAt), key)
  if redis.call('PTTL', stateKey(state)) >= expiresAt - now then return end
  local life = expiresAt - now + ${listSlack}
  redis.call('PEXPIRE', stateKey(state), text(life))
  if redis.call('PTTL', expiringKey()) < life then redis.call('PEXPIRE', expiringKey(), text(life)) end
end

-- Sends an entry to a process, unless that has gone.
local function post(node, entry)
  if redis.call('EXISTS', nodeKey(node)) == 0 then return false end
  local number = redis.call('INCR', nodeKey(node))
  redis.call('XADD', inboxKey(node), 'MAXLEN', '~', '${longestInbox}', '*', '@number', number, unpack(entry))
  return true
end

-- The process of a place, and whether it is there.
local function nodeOf(place) return string.match(place, '^(.*)/') or '' end
local function isThere(place) return redis.call('EXISTS', aliveKey(nodeOf(place))) == 1 end

-- Tells every process that serves a session.
local function spread(session, from, kind, value)
  local entry = { '@event', 'session', '@session', session, '@from', from, '@type', kind, '@value', value }
  for _, node in ipairs(redis.call('SMEMBERS', sessionWatchKey(session))) do
    if not post(node, entry) then redis.call('SREM', sessionWatchKey(session), node) end
  end
  return 1
end

-- A task of a session has ended. Where it had a place to be told at and has none now, that is remembered.
local function leaveSession(session, key)
  redis.call('SREM', sessionTasksKey(session), key)
  local holder = redis.call('HGET', sessionKey(session), 'holder')
  if not holder or isThere(holder) then return end
  redis.call('RPUSH', missedKey(session), key)
  redis.call('LTRIM', missedKey(session), -${endsKept}, -1)
  redis.call('PEXPIRE', missedKey(session), ${missedLife})
end

-- Sends an event with the record as it is now to every process that watches the execution, its session or everything.
local function emit(x, event, ...)
  local names = redis.call('HMGET', x, 'key', 'session')
  local sets = { allWatchKey(), keyWatchKey(names[1]) }
  if names[2] then sets[3] = sessionWatchKey(names[2]) end
  local nodes = redis.call('SUNION', unpack(sets))
  if #nodes == 0 then return end
  local entry = { '@event', event, ... }
  local fields = redis.call('HGETALL', x)
  for i = 1, #fields, 2 do
    if not unseen[fields[i]] then
      entry[#entry + 1] = fields[i]
      entry[#entry + 1] = fields[i + 1]
    end
  end
  for _, node in ipairs(nodes) do
    if not post(node, entry) then
      for _, set in ipairs(sets) do redis.call('SREM', set, node) end
    end
  end
end

-- A question as pairs of names and values.
local function question(key, name)
  local questions = questionsKey(key)
  local all = redis.call('HMGET', questions, 'q:' .. name, 'c:' .. name, 'e:' .. name, 'd:' .. name, 'a:' .. name)
  local fields = { '@question', name, '@asked', all[1], '@createdAt', all[2], '@deadline', all[3], '@onDeadline', all[4] }
  if all[5] then
    fields[11] = '@answer'
    fields[12] = all[5]
  end
  return fields
end

-- Whether the run still has its execution.
local function owns(x, run) return redis.call('HGET', x, 'run') == run end

-- A ticket is remembered until it is known to be in the queue.
local function awaitTicket(key, ticket)
  redis.call('ZADD', dueKey(), text(now + ${ticketGrace}), 't:' .. ticket .. ':' .. key)
end

-- The ticket of an execution that waits, how long until it is due, and its priority. Nil for any other.
local function ticketOf(x)
  local known = redis.call('HMGET', x, 'state', 'ticket', 'runAt', 'priority')
  if known[1] ~= 'queued' and known[1] ~= 'scheduled' then return nil end
  return { known[2], text(math.max(num(known[3], 0) - now, 0)), known[4] or '0' }
end

-- The place in line that goes with a ticket, as a text that sorts.
local function placeOf(ticket) return string.format('%016d', string.match(ticket, '^%d+')) end

-- Gives an execution a ticket for the line: to be brought there now, or once its time has come. With a place, it stands
-- there again.
local function enqueue(x, key, runAt, place, ...)
  local ticket = text(redis.call('INCR', sequenceKey()))
  if place then ticket = place .. '.' .. ticket end
  redis.call('HDEL', x, 'run', 'node')
  if runAt > now then
    become(x, key, 'scheduled', 'runAt', text(runAt), 'dueAt', text(runAt), 'ticket', ticket, ...)
    redis.call('ZADD', dueKey(), text(runAt), 'x::' .. key)
  else
    redis.call('HDEL', x, 'runAt')
    become(x, key, 'queued', 'dueAt', text(now), 'ticket', ticket, ...)
    awaitTicket(key, ticket)
  end
  emit(x, 'state')
  return { ticket, text(math.max(runAt - now, 0)), redis.call('HGET', x, 'priority') or '0' }
end

-- What is scheduled has become due. Gives its ticket, which nobody has brought into the line yet: its number is its place.
local function promote(x, key)
  local ticket = text(redis.call('INCR', sequenceKey()))
  redis.call('ZREM', dueKey(), 'x::' .. key)
  redis.call('HDEL', x, 'runAt')
  become(x, key, 'queued', 'ticket', ticket)
  awaitTicket(key, ticket)
  emit(x, 'state')
  return ticket
end

-- Closes a question with its answer, and remembers which request gave it.
local function closeQuestion(x, key, name, answer, request)
  redis.call('HSET', questionsKey(key), 'a:' .. name, answer, 'b:' .. name, request)
  redis.call('ZREM', dueKey(), 'q:' .. name .. ':' .. key)
  redis.call('SREM', askedKey(), name .. ':' .. key)
  local left = math.max(num(redis.call('HGET', x, 'openQuestions'), 0) - 1, 0)
  write(x, 'openQuestions', left)
  emit(x, 'closed', unpack(question(key, name)))
  if left == 0 then emit(x, 'state') end
end

-- The names of the questions of an execution, the oldest first.
local function questionNames(key)
  local order = {}
  local fields = redis.call('HGETALL', questionsKey(key))
  for i = 1, #fields, 2 do
    if string.sub(fields[i], 1, 2) == 'n:' then order[tonumber(fields[i + 1])] = string.sub(fields[i], 3) end
  end
  return order
end

-- The lists of an owner without open tasks live as long as the last record that they name.
local function keepLists(owner)
  local lists = { tasksKey(owner), endedKey(owner) }
  if redis.call('EXISTS', openKey(owner)) == 1 then
    for _, list in ipairs(lists) do redis.call('PERSIST', list) end
    return
  end
  local last = redis.call('ZREVRANGE', endedKey(owner), 0, 0, 'WITHSCORES')
  for _, list in ipairs(lists) do
    if last[2] then redis.call('PEXPIREAT', list, last[2]) else redis.call('DEL', list) end
  end
end

-- Makes an execution of these fields, in the place of the one that has ended under its key. Gives its ticket. Generations
-- are numbered through the docket: one that has expired is not taken for a later one.
local function create(x, key, runAt, fields)
  local known = redis.call('HMGET', x, 'updatedAt', 'owner', 'session')
  redis.call('DEL', x)
  if known[3] then
    redis.call('ZREM', tasksKey(known[2]), key)
    redis.call('ZREM', endedKey(known[2]), key)
    keepLists(known[2])
  end
  unlist(key)
  local at = text(math.max(now, num(known[1], 0)))
  local number = redis.call('INCR', sequenceKey())
  redis.call('HSET', x, 'generation', number, 'order', number, 'createdAt', at, 'updatedAt', at,
    'attempt', 0, 'losses', 0, 'redelivered', 0, 'openQuestions', 0, unpack(fields))
  return enqueue(x, key, runAt)
end

-- Takes from the lists of an owner what has expired.
local function purge(owner, most)
  for _, key in ipairs(redis.call('ZRANGEBYSCORE', endedKey(owner), '-inf', text(now), 'LIMIT', 0, most)) do
    redis.call('ZREM', endedKey(owner), key)
    redis.call('ZREM', tasksKey(owner), key)
  end
end

-- An execution needs its questions no more.
local function closeQuestions(x, key)
  for _, name in ipairs(questionNames(key)) do
    if redis.call('ZREM', dueKey(), 'q:' .. name .. ':' .. key) == 1 then
      redis.call('SREM', askedKey(), name .. ':' .. key)
      emit(x, 'closed', unpack(question(key, name)))
    end
  end
  redis.call('DEL', questionsKey(key))
end

-- Ends an execution. Terminal is final: nothing but a new generation writes to it any more. What is remembered of
-- requests lets those that are sent again have the same answer.
local function finish(x, key, request, state, ...)
  local at = become(x, key, state, 'settledBy', request, ...)
  local facts = redis.call('HMGET', x, 'owner', 'session', 'ttl', 'ticket')
  redis.call('HSET', x, 'finishedAt', text(at), 'openQuestions', 0)
  redis.call('HDEL', x, 'run', 'node', 'runAt')
  -- Work of the program that failed can be run again.
  if state ~= 'failed' or facts[2] then redis.call('HDEL', x, 'input', 'snapshot') end
  redis.call('ZREM', dueKey(), 'x::' .. key, 't:' .. (facts[4] or '') .. ':' .. key)
  local answeredBy = {}
  for _, name in ipairs(questionNames(key)) do
    answeredBy[#answeredBy + 1] = redis.call('HGET', questionsKey(key), 'b:' .. name) or nil
  end
  if #answeredBy > 0 then redis.call('HSET', x, 'answeredBy', table.concat(answeredBy, ' ')) end
  closeQuestions(x, key)
  emit(x, 'state')
  -- Redis takes a key away in the millisecond after its time.
  local expires = at + num(facts[3], 3600000)
  redis.call('PEXPIREAT', x, text(expires - 1))
  listUntil(state, key, expires)
  if facts[2] then
    if redis.call('DECR', openKey(facts[1])) <= 0 then redis.call('DEL', openKey(facts[1])) end
    redis.call('ZADD', endedKey(facts[1]), text(expires), key)
    keepLists(facts[1])
    leaveSession(facts[2], key)
  end
end
`;
