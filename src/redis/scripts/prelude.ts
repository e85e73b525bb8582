import { endFields } from '../../docket/record.js';
import { endsKept } from '../../docket/sessions.js';
import { keyDefinitions } from '../keys.js';
import { gates } from './gates.js';

/** How many events a process may be behind before it has to read again what it watches. */
const longestInbox = 10_000;

/** How long Redis waits for the ticket of an execution before any process makes it again, in milliseconds. */
const ticketGrace = 5_000;

/** How much longer than they need to the lists of ended executions are kept, so that few ends have to say so, in milliseconds. */
const listSlack = 600_000;

/** How long it is remembered that tasks of a session ended unheard, in milliseconds. */
const missedLife = 3_600_000;

/**
 * What the scripts share, by the name of what each part defines; a part needs only those before it. Values that users gave
 * are texts of JSON to the scripts, which never look inside: Lua's JSON takes an empty list for an empty object. Numbers
 * are written by text(), as Lua would write large ones with an exponent.
 */
const shared: Readonly<Record<string, string>> = {
  ...keyDefinitions,

  now: `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`,

  terminal: `
local terminal = { completed = true, failed = true, cancelled = true }`,

  unseen: `
local unseen = { input = true, run = true, node = true, ticket = true, gate = true,
  addedBy = true, settledBy = true, answeredBy = true, awaitedBy = true }`,

  text: `
local function text(number) return string.format('%d', number) end`,

  // A number in a record, which may be one that this version cannot read.
  num: `
local function num(value, otherwise) return tonumber(value) or otherwise end`,

  // The records of a step by their keys, each read once. From then on they are written by write(), note(), become() and
  // drop() only.
  records: `
local records = {}`,

  facts: `
local function facts(x)
  local record = records[x]
  if not record then
    record = {}
    local fields = redis.call('HGETALL', x)
    for i = 1, #fields, 2 do record[fields[i]] = fields[i + 1] end
    records[x] = record
  end
  return record
end`,

  // A record as names and values in turn.
  pairsOf: `
local function pairsOf(x)
  local all = {}
  for name, value in pairs(facts(x)) do
    all[#all + 1] = name
    all[#all + 1] = value
  end
  return all
end`,

  // The time that is written into a record, which does not go back.
  timeOf: `
local function timeOf(x) return math.max(now, num(facts(x).updatedAt, 0)) end`,

  // Writes fields of a record that nobody is told of.
  note: `
local function note(x, ...)
  local record, fields = facts(x), { ... }
  for i = 1, #fields, 2 do record[fields[i]] = tostring(fields[i + 1]) end
  redis.call('HSET', x, ...)
end`,

  // Writes fields of a record, and the time.
  write: `
local function write(x, ...)
  local at = timeOf(x)
  note(x, 'updatedAt', text(at), 'revision', num(facts(x).revision, 0) + 1, ...)
  return at
end`,

  // Takes fields out of a record, those that are in it.
  drop: `
local function drop(x, ...)
  local record, present = facts(x), {}
  for _, name in ipairs({ ... }) do
    if record[name] then
      present[#present + 1] = name
      record[name] = nil
    end
  end
  if #present > 0 then redis.call('HDEL', x, unpack(present)) end
end`,

  // Brings an execution into a state, and into the list of that.
  become: `
local function become(x, key, state, ...)
  local was = facts(x).state
  local at = write(x, 'state', state, ...)
  if was ~= state then
    if was then redis.call('ZREM', stateKey(was), key) end
    redis.call('ZADD', stateKey(state), num(facts(x).generation, 0), key)
  end
  return at
end`,

  // Takes executions that have ended out of the lists of those.
  unlist: `
local function unlist(...)
  if redis.call('ZREM', expiringKey(), ...) == 0 then return end
  for state in pairs(terminal) do redis.call('ZREM', stateKey(state), ...) end
end`,

  // Takes an execution whose record is gone before its end out of the lists.
  unlistMissing: `
local function unlistMissing(key)
  for _, state in ipairs({ 'scheduled', 'queued', 'running' }) do redis.call('ZREM', stateKey(state), key) end
end`,

  // Takes what has expired out of the lists; whether there may be more.
  forgetExpired: `
local function forgetExpired(most)
  local keys = redis.call('ZRANGEBYSCORE', expiringKey(), '-inf', text(now), 'LIMIT', 0, most)
  if #keys > 0 then unlist(unpack(keys)) end
  return #keys == most
end`,

  // The lists of what has ended live at least as long as the last record that they name.
  listUntil: `
local function listUntil(state, key, expiresAt)
  redis.call('ZADD', expiringKey(), text(expiresAt), key)
  if redis.call('PTTL', stateKey(state)) >= expiresAt - now then return end
  local life = expiresAt - now + ${listSlack}
  redis.call('PEXPIRE', stateKey(state), text(life))
  if redis.call('PTTL', expiringKey()) < life then redis.call('PEXPIRE', expiringKey(), text(life)) end
end`,

  // Sends an entry to a process, unless that has gone.
  post: `
local function post(node, entry)
  local number = redis.call('INCR', nodeKey(node))
  -- Who joins begins with 1: where this is the first number there is no such process.
  if number == 1 then
    redis.call('DEL', nodeKey(node))
    return false
  end
  redis.call('XADD', inboxKey(node), 'MAXLEN', '~', '${longestInbox}', '*', '@number', number, unpack(entry))
  return true
end`,

  // The process of a place, and whether it is there.
  nodeOf: `
local function nodeOf(place) return string.match(place, '^(.*)/') or '' end`,

  isThere: `
local function isThere(place) return redis.call('EXISTS', aliveKey(nodeOf(place))) == 1 end`,

  // Tells every process that serves a session.
  spread: `
local function spread(session, from, kind, value)
  local entry = { '@event', 'session', '@session', session, '@from', from, '@type', kind, '@value', value }
  for _, node in ipairs(redis.call('SMEMBERS', sessionWatchKey(session))) do
    if not post(node, entry) then redis.call('SREM', sessionWatchKey(session), node) end
  end
  return 1
end`,

  // A task of a session has ended. Where it had a place to be told at and has none now, that is remembered.
  leaveSession: `
local function leaveSession(session, key)
  redis.call('SREM', sessionTasksKey(session), key)
  local holder = redis.call('HGET', sessionKey(session), 'holder')
  if not holder or isThere(holder) then return end
  redis.call('RPUSH', missedKey(session), key)
  redis.call('LTRIM', missedKey(session), -${endsKept}, -1)
  redis.call('PEXPIRE', missedKey(session), ${missedLife})
end`,

  // Sends an event with the record as it is now to every process that watches the execution, its session or everything.
  emit: `
local function emit(x, event, ...)
  local record = facts(x)
  local sets = { allWatchKey(), keyWatchKey(record.key or '') }
  if record.session then sets[3] = sessionWatchKey(record.session) end
  local nodes = redis.call('SUNION', unpack(sets))
  if #nodes == 0 then return end
  local entry = { '@event', event, ... }
  for name, value in pairs(record) do
    if not unseen[name] then
      entry[#entry + 1] = name
      entry[#entry + 1] = value
    end
  end
  for _, node in ipairs(nodes) do
    if not post(node, entry) then
      for _, set in ipairs(sets) do redis.call('SREM', set, node) end
    end
  end
end`,

  // How an execution stands, for those who wait for its end.
  standing: `
local function standing(x)
  local record, all = facts(x), {}
  for _, name in ipairs({ ${endFields.map((field) => `'${field}'`).join(', ')} }) do
    if record[name] then
      all[#all + 1] = name
      all[#all + 1] = record[name]
    end
  end
  return all
end`,

  // Tells the processes that wait for the end of an execution how it stands. They are in its record, by their names.
  tellEnd: `
local function tellEnd(x, awaitedBy)
  if not awaitedBy then return end
  local entry = { '@event', 'end', unpack(standing(x)) }
  for node in string.gmatch(awaitedBy, '%S+') do post(node, entry) end
end`,

  // A question as pairs of names and values.
  question: `
local function question(key, name)
  local questions = questionsKey(key)
  local all = redis.call('HMGET', questions, 'q:' .. name, 'c:' .. name, 'e:' .. name, 'd:' .. name, 'a:' .. name)
  local fields = { '@question', name, '@asked', all[1], '@createdAt', all[2], '@deadline', all[3], '@onDeadline', all[4] }
  if all[5] then
    fields[11] = '@answer'
    fields[12] = all[5]
  end
  return fields
end`,

  // Whether the run still has its execution.
  owns: `
local function owns(x, run) return facts(x).run == run end`,

  // A ticket is remembered until it is known to be in the queue.
  awaitTicket: `
local function awaitTicket(key, ticket)
  redis.call('ZADD', dueKey(), text(now + ${ticketGrace}), 't:' .. ticket .. ':' .. key)
end`,

  // The ticket of an execution that waits, how long until it is due, and its priority. Nil for any other.
  ticketOf: `
local function ticketOf(x)
  local record = facts(x)
  if record.state ~= 'queued' and record.state ~= 'scheduled' then return nil end
  return { record.ticket, text(math.max(num(record.runAt, 0) - now, 0)), record.priority or '0' }
end`,

  // The place in line that goes with a ticket, as a text that sorts.
  placeOf: `
local function placeOf(ticket) return string.format('%016d', string.match(ticket, '^%d+')) end`,

  // A new ticket. With a place, for whoever is to stand there again.
  newTicket: `
local function newTicket(place)
  local ticket = text(redis.call('INCR', sequenceKey()))
  return place and place .. '.' .. ticket or ticket
end`,

  // Gives an execution its ticket for the line: to be brought there now, or once its time has come.
  enqueue: `
local function enqueue(x, key, runAt, ticket, ...)
  drop(x, 'run', 'node')
  if runAt > now then
    become(x, key, 'scheduled', 'runAt', text(runAt), 'dueAt', text(runAt), 'ticket', ticket, ...)
    redis.call('ZADD', dueKey(), text(runAt), 'x::' .. key)
  else
    drop(x, 'runAt')
    become(x, key, 'queued', 'dueAt', text(now), 'ticket', ticket, ...)
    awaitTicket(key, ticket)
  end
  emit(x, 'state')
  return { ticket, text(math.max(runAt - now, 0)), facts(x).priority or '0' }
end`,

  // What is scheduled has become due. Gives its ticket, which nobody has brought into the line yet: its number is its
  // place.
  promote: `
local function promote(x, key)
  local ticket = newTicket()
  redis.call('ZREM', dueKey(), 'x::' .. key)
  drop(x, 'runAt')
  become(x, key, 'queued', 'ticket', ticket)
  awaitTicket(key, ticket)
  emit(x, 'state')
  return ticket
end`,

  // Executions that have found a place, each with its ticket, which is to be brought to the front of the line.
  called: `
local called = {}`,

  // What keeps the components that are bound within their limits.
  gates,

  // Closes a question with its answer, and remembers which request gave it.
  closeQuestion: `
local function closeQuestion(x, key, name, answer, request)
  redis.call('HSET', questionsKey(key), 'a:' .. name, answer, 'b:' .. name, request)
  redis.call('ZREM', dueKey(), 'q:' .. name .. ':' .. key)
  redis.call('SREM', askedKey(), name .. ':' .. key)
  local left = math.max(num(facts(x).openQuestions, 0) - 1, 0)
  write(x, 'openQuestions', left)
  emit(x, 'closed', unpack(question(key, name)))
  if left == 0 then emit(x, 'state') end
end`,

  // The names of the questions of an execution, the oldest first.
  questionNames: `
local function questionNames(key)
  local order = {}
  local fields = redis.call('HGETALL', questionsKey(key))
  for i = 1, #fields, 2 do
    if string.sub(fields[i], 1, 2) == 'n:' then order[tonumber(fields[i + 1])] = string.sub(fields[i], 3) end
  end
  return order
end`,

  // The lists of an owner without open tasks live as long as the last record that they name.
  keepLists: `
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
end`,

  // Makes an execution of these fields, in the place of the one that has ended under its key. Gives its ticket.
  // Generations are numbered through the docket: one that has expired is not taken for a later one.
  create: `
local function create(x, key, runAt, fields)
  local known = facts(x)
  if known.state then
    redis.call('DEL', x)
    records[x] = { updatedAt = known.updatedAt }
    -- Who waits for the end of one that makes way is told of the one that comes, and may wait on.
    if known.awaitedBy then
      fields[#fields + 1] = 'awaitedBy'
      fields[#fields + 1] = known.awaitedBy
    end
  end
  if known.session then
    redis.call('ZREM', tasksKey(known.owner), key)
    redis.call('ZREM', endedKey(known.owner), key)
    keepLists(known.owner)
  end
  unlist(key)
  local number = newTicket()
  local ticket = enqueue(x, key, runAt, number, 'generation', number, 'createdAt', text(timeOf(x)), unpack(fields))
  tellEnd(x, known.awaitedBy)
  return ticket
end`,

  // Takes from the lists of an owner what has expired.
  purge: `
local function purge(owner, most)
  for _, key in ipairs(redis.call('ZRANGEBYSCORE', endedKey(owner), '-inf', text(now), 'LIMIT', 0, most)) do
    redis.call('ZREM', endedKey(owner), key)
    redis.call('ZREM', tasksKey(owner), key)
  end
end`,

  // An execution needs its questions no more.
  closeQuestions: `
local function closeQuestions(x, key)
  for _, name in ipairs(questionNames(key)) do
    if redis.call('ZREM', dueKey(), 'q:' .. name .. ':' .. key) == 1 then
      redis.call('SREM', askedKey(), name .. ':' .. key)
      emit(x, 'closed', unpack(question(key, name)))
    end
  end
  redis.call('DEL', questionsKey(key))
end`,

  // Ends an execution. Terminal is final: nothing but a new generation writes to it any more. What is remembered of
  // requests lets those that are sent again have the same answer.
  finish: `
local function finish(x, key, request, state, ...)
  local record, at = facts(x), timeOf(x)
  local awaitedBy = record.awaitedBy
  if record.gate then gates(record.component).leave(x, key) end
  -- What runs is neither to be looked for in the queue nor to be brought there.
  if record.state ~= 'running' then
    redis.call('ZREM', dueKey(), 'x::' .. key, 't:' .. (record.ticket or '') .. ':' .. key)
  end
  become(x, key, state, 'settledBy', request, 'finishedAt', text(at), ...)
  -- Work of the program that failed can be run again.
  local kept = state == 'failed' and not record.session
  drop(x, 'run', 'node', 'runAt', 'awaitedBy', kept or 'input', kept or 'snapshot')
  if record.openQuestions then
    local answeredBy = {}
    for _, name in ipairs(questionNames(key)) do
      answeredBy[#answeredBy + 1] = redis.call('HGET', questionsKey(key), 'b:' .. name) or nil
    end
    note(x, 'openQuestions', 0, 'answeredBy', table.concat(answeredBy, ' '))
    closeQuestions(x, key)
  end
  emit(x, 'state')
  tellEnd(x, awaitedBy)
  -- Redis takes a key away in the millisecond after its time.
  local expires = at + num(record.ttl, 3600000)
  redis.call('PEXPIREAT', x, text(expires - 1))
  listUntil(state, key, expires)
  if record.session then
    local owner = record.owner
    if redis.call('DECR', openKey(owner)) <= 0 then redis.call('DEL', openKey(owner)) end
    redis.call('ZADD', endedKey(owner), text(expires), key)
    keepLists(owner)
    leaveSession(record.session, key)
  end
end`,
};

/** A script with the parts that it names, and those that they name: what a script does not use costs each of its runs. */
export function withShared(body: string): string {
  let text = body;
  for (const [name, part] of Object.entries(shared).reverse()) {
    if (new RegExp(`\\b${name}\\b`).test(text)) text = `${part}\n${text}`;
  }
  return text;
}
