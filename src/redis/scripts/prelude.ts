import { crashesUntilIsolated, crashWindow } from '../../docket/engine/loss-policy.js';
import { withKeys } from '../keys.js';
import { bring, brings, firstJob, jobIn, lineKeys, nextJob, stepsOfBullMQ, ticketIn } from './bring.js';
import { gates } from './gates.js';
import { records } from './records.js';
import { telling } from './telling.js';

/** How long a component stays isolated of which no call is made any more, in milliseconds. */
const isolationLife = 86_400_000;

/** How long Redis waits for the ticket of an execution before any process makes it again, in milliseconds. */
const ticketGrace = 5_000;

/** How much longer than they need to the lists of ended executions are kept, so that few ends have to say so, in milliseconds. */
const listSlack = 600_000;

/** What the scripts share, by the name of what each part defines; a part needs only those before it. */
const shared: Readonly<Record<string, string>> = {
  ...records,
  ...telling,

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

  ...stepsOfBullMQ,

  lineKeys,

  brings,

  bring,

  // Whether a ticket is brought into the line by the step that makes it. What stands there again goes to the front, and what
  // has a priority has its own place: their process does both.
  isBrought: `
local function isBrought(x, ticket)
  return brings and not facts(x).priority and not string.find(ticket, '.', 1, true)
end`,

  // Brings the ticket of an execution into the line where that can be done here. Whether it is there: else its process has to.
  lineUp: `
local function lineUp(x, key, ticket)
  local inLine = isBrought(x, ticket) and bring(key, ticket)
  if not inLine then awaitTicket(key, ticket) end
  return inLine
end`,

  // Gives an execution its ticket for the line, for now or for when its time has come. Whether it is there already comes last.
  enqueue: `
local function enqueue(x, key, runAt, ticket, ...)
  local inLine = false
  drop(x, 'run', 'node', 'isolated')
  if runAt > now then
    become(x, key, 'scheduled', 'runAt', text(runAt), 'dueAt', text(runAt), 'ticket', ticket, ...)
    redis.call('ZADD', dueKey(), text(runAt), 'x::' .. key)
  else
    drop(x, 'runAt')
    become(x, key, 'queued', 'dueAt', text(now), 'ticket', ticket, ...)
    inLine = lineUp(x, key, ticket)
  end
  emit(x, 'state')
  return { ticket, text(math.max(runAt - now, 0)), facts(x).priority or '0', inLine and '1' or '0' }
end`,

  // What is scheduled has become due. Gives its ticket where that is not in the line yet.
  promote: `
local function promote(x, key)
  local ticket = newTicket()
  redis.call('ZREM', dueKey(), 'x::' .. key)
  drop(x, 'runAt')
  become(x, key, 'queued', 'ticket', ticket)
  local inLine = lineUp(x, key, ticket)
  emit(x, 'state')
  return not inLine and ticket
end`,

  // Executions that have found a place, each with its ticket, which is to be brought to the front of the line.
  called: `
local called = {}`,

  // What keeps the components that are bound within their limits.
  gates,

  // A process died while it ran the component.
  suspect: `
local function suspect(component, node)
  local crashes = crashesKey(component)
  redis.call('ZREMRANGEBYSCORE', crashes, '-inf', text(now - ${crashWindow}))
  redis.call('ZADD', crashes, 'NX', text(now), node or '')
  redis.call('PEXPIRE', crashes, ${crashWindow})
  if redis.call('ZCARD', crashes) >= ${crashesUntilIsolated} then
    redis.call('SET', isolatedKey(component), '1', 'PX', ${isolationLife})
  end
end`,

  // A run of the component that was made beside no other has not killed its worker.
  exonerate: `
local function exonerate(component)
  redis.call('DEL', crashesKey(component), isolatedKey(component))
  gates(component).open()
end`,

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

  // Makes an execution of these fields, in the place of the one that has ended under its key. Gives its ticket. The process
  // `awaits` is to be told of its end.
  // Generations are numbered through the docket: one that has expired is not taken for a later one.
  create: `
local function create(x, key, runAt, fields, awaits)
  -- A Redis that is full refuses this, as long as nothing was written before it.
  local number = newTicket()
  local known = facts(x)
  if known.state then
    redis.call('DEL', x)
    records[x] = { updatedAt = known.updatedAt }
  end
  -- Who waits for the end of one that makes way is told of the one that comes, and may wait on.
  -- Who has gone is left out: a key that is used again and again would collect them.
  local waiting, awaitedBy = known.awaitedBy, awaits or ''
  for node in string.gmatch(waiting or '', '%S+') do
    if node ~= awaits and redis.call('EXISTS', nodeKey(node)) == 1 then awaitedBy = awaitedBy .. ' ' .. node end
  end
  if awaitedBy ~= '' then
    fields[#fields + 1] = 'awaitedBy'
    fields[#fields + 1] = awaitedBy
  end
  if known.session then
    redis.call('ZREM', tasksKey(known.owner), key)
    redis.call('ZREM', endedKey(known.owner), key)
    keepLists(known.owner)
  end
  unlist(key)
  local ticket = enqueue(x, key, runAt, number, 'generation', number, 'createdAt', text(timeOf(x)), unpack(fields))
  tellEnd(x, waiting)
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
  -- Work of the program that failed can be run again.
  local kept = state == 'failed' and not record.session
  -- A Redis that is full lets go on who has begun to take away: what has been done is not done twice for want of memory.
  drop(x, 'run', 'node', 'isolated', 'runAt', 'awaitedBy', kept or 'input', kept or 'snapshot')
  become(x, key, state, 'settledBy', request, 'finishedAt', text(at), ...)
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

  ticketIn,

  jobIn,

  firstJob,

  nextJob,
};

/** A script with the parts that it names, and those that they name: what a script does not use costs each of its runs. */
export function withShared(body: string): string {
  let text = withKeys(withoutComments(body));
  for (const [name, part] of Object.entries(shared).reverse()) {
    if (!new RegExp(`\\b${name}\\b`).test(text)) continue;
    const own = withoutComments(part);
    text = `${Object.hasOwn(stepsOfBullMQ, name) ? own : withKeys(own)}\n${text}`;
  }
  return text;
}

/** Comments have words in them that are no names. */
const withoutComments = (lua: string): string => lua.replace(/--\[\[[^]*?\]\]/g, '').replace(/^\s*--.*\n/gm, '');
