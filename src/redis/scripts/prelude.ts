import { crashesUntilIsolated, crashWindow } from '../../docket/engine/loss-policy.js';
import { withKeys } from '../keys.js';
import { bring, brings, firstJob, jobIn, lineKeys, nextJob, stepsOfBullMQ, ticketIn } from './bring.js';
import { gates } from './component-limits.js';
import { records } from './records.js';
import { publishing } from './publishing.js';

/** How long a component stays isolated if it is not called, in milliseconds. */
const isolationTtl = 86_400_000;

/** How long a job may remain unconfirmed before a process adds it again, in milliseconds. */
const jobGrace = 5_000;

/** Extra TTL of the lists of ended executions, in milliseconds, so that few ends have to extend it. */
const listSlack = 600_000;

/** The shared parts of the scripts, by the name that each defines. A part uses only those before it. */
const shared: Readonly<Record<string, string>> = {
  ...records,
  ...publishing,

  // Moves an execution to a state, and to the list of that state.
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

  // Removes executions from the lists of ended ones.
  unlist: `
local function unlist(...)
  if redis.call('ZREM', expiringKey(), ...) == 0 then return end
  for state in pairs(terminal) do redis.call('ZREM', stateKey(state), ...) end
end`,

  // Removes an execution from the lists of live ones, because its record is gone.
  unlistMissing: `
local function unlistMissing(key)
  for _, state in ipairs({ 'scheduled', 'queued', 'running' }) do redis.call('ZREM', stateKey(state), key) end
end`,

  // Removes expired executions from the lists. Returns whether there may be more.
  forgetExpired: `
local function forgetExpired(most)
  local keys = redis.call('ZRANGEBYSCORE', expiringKey(), '-inf', text(now), 'LIMIT', 0, most)
  if #keys > 0 then unlist(unpack(keys)) end
  return #keys == most
end`,

  // Adds an ended execution to the lists, which must live at least as long as the last record in them.
  listUntil: `
local function listUntil(state, key, expiresAt)
  redis.call('ZADD', expiringKey(), text(expiresAt), key)
  if redis.call('PTTL', stateKey(state)) >= expiresAt - now then return end
  local life = expiresAt - now + ${listSlack}
  redis.call('PEXPIRE', stateKey(state), text(life))
  if redis.call('PTTL', expiringKey()) < life then redis.call('PEXPIRE', expiringKey(), text(life)) end
end`,

  // Whether the run still owns its execution.
  owns: `
local function owns(x, run) return facts(x).run == run end`,

  // Remembers a job until it is confirmed to be in the waiting list.
  awaitTicket: `
local function awaitTicket(key, ticket)
  redis.call('ZADD', dueKey(), text(now + ${jobGrace}), 't:' .. ticket .. ':' .. key)
end`,

  // The job number of a waiting execution, the milliseconds until it is due, and its priority. Nil for any other execution.
  ticketOf: `
local function ticketOf(x)
  local record = facts(x)
  if record.state ~= 'queued' and record.state ~= 'scheduled' then return nil end
  return { record.ticket, text(math.max(num(record.runAt, 0) - now, 0)), record.priority or '0' }
end`,

  // The position in the waiting list that belongs to a job number, as a text that sorts.
  placeOf: `
local function placeOf(ticket) return string.format('%016d', string.match(ticket, '^%d+')) end`,

  // A new job number. With a position, for an execution that takes this position again.
  newTicket: `
local function newTicket(place)
  local ticket = text(redis.call('INCR', sequenceKey()))
  return place and place .. '.' .. ticket or ticket
end`,

  ...stepsOfBullMQ,

  lineKeys,

  brings,

  bring,

  // Whether the step that creates a job also adds it to the waiting list. The process adds jobs that wait again, which go to
  // the front, and jobs with a priority.
  isBrought: `
local function isBrought(x, ticket)
  return brings and not facts(x).priority and not string.find(ticket, '.', 1, true)
end`,

  // Adds the job of an execution to the waiting list if the script can do so. Returns whether it did; otherwise the process has to.
  lineUp: `
local function lineUp(x, key, ticket)
  local inLine = isBrought(x, ticket) and bring(key, ticket)
  if not inLine then awaitTicket(key, ticket) end
  return inLine
end`,

  // Queues an execution, now or for its due time. Returns its job; whether that is in the waiting list already comes last.
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

  // Queues a scheduled execution that has become due. Returns its job number if the process has to add the job.
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

  // Admitted executions, each with its new job, which the process adds at the front of the waiting list.
  called: `
local called = {}`,

  // Enforces the limits of components.
  gates,

  // Records that a process died while running the component.
  suspect: `
local function suspect(component, node)
  local crashes = crashesKey(component)
  redis.call('ZREMRANGEBYSCORE', crashes, '-inf', text(now - ${crashWindow}))
  redis.call('ZADD', crashes, 'NX', text(now), node or '')
  redis.call('PEXPIRE', crashes, ${crashWindow})
  if redis.call('ZCARD', crashes) >= ${crashesUntilIsolated} then
    redis.call('SET', isolatedKey(component), '1', 'PX', ${isolationTtl})
  end
end`,

  // Clears the component, because an isolated run of it has not killed its worker.
  exonerate: `
local function exonerate(component)
  redis.call('DEL', crashesKey(component), isolatedKey(component))
  gates(component).open()
end`,

  // Closes a question with its answer, and remembers the request that gave it.
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

  // The names of the questions of an execution, oldest first.
  questionNames: `
local function questionNames(key)
  local order = {}
  local fields = redis.call('HGETALL', questionsKey(key))
  for i = 1, #fields, 2 do
    if string.sub(fields[i], 1, 2) == 'n:' then order[tonumber(fields[i + 1])] = string.sub(fields[i], 3) end
  end
  return order
end`,

  // Sets the TTL of an owner's lists: without open tasks, they live as long as the last record in them.
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

  // Creates an execution, in place of an ended one with the same key. Returns its job. Registers the process `awaits` for its
  // end. Generations are numbered across the docket, so an expired one is never confused with a later one.
  create: `
local function create(x, key, runAt, fields, awaits)
  -- A full Redis refuses this write, provided that the step has written nothing before.
  local number = newTicket()
  local known = facts(x)
  if known.state then
    redis.call('DEL', x)
    records[x] = { updatedAt = known.updatedAt }
  end
  -- Processes that wait for the end of the previous execution are notified of the new one, and may keep waiting.
  -- Those that are gone are dropped: a key that is used again and again would collect them.
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

  // Removes expired tasks from the lists of an owner.
  purge: `
local function purge(owner, most)
  for _, key in ipairs(redis.call('ZRANGEBYSCORE', endedKey(owner), '-inf', text(now), 'LIMIT', 0, most)) do
    redis.call('ZREM', endedKey(owner), key)
    redis.call('ZREM', tasksKey(owner), key)
  end
end`,

  // Closes and deletes the questions of an execution.
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

  // Ends an execution. A terminal state is final: only a new generation writes to it. The remembered requests let those that
  // are sent again get the same answer.
  finish: `
local function finish(x, key, request, state, ...)
  local record, at = facts(x), timeOf(x)
  local awaitedBy = record.awaitedBy
  if record.gate then gates(record.component).leave(x, key) end
  -- A running execution has neither a due time nor an unconfirmed job.
  if record.state ~= 'running' then
    redis.call('ZREM', dueKey(), 'x::' .. key, 't:' .. (record.ticket or '') .. ':' .. key)
  end
  -- A failed execution that is not a client's task can be retried.
  local kept = state == 'failed' and not record.session
  -- Deletes first: a full Redis then accepts the writes, so that a finished call is not run again for lack of memory.
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
  -- Redis deletes a key in the millisecond after its time.
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

/** Adds to a script the parts that it uses, and those that they use. Unused parts would cost time in each run. */
export function withShared(body: string): string {
  let text = withKeys(withoutComments(body));
  for (const [name, part] of Object.entries(shared).reverse()) {
    if (!new RegExp(`\\b${name}\\b`).test(text)) continue;
    const own = withoutComments(part);
    text = `${Object.hasOwn(stepsOfBullMQ, name) ? own : withKeys(own)}\n${text}`;
  }
  return text;
}

/** Comments contain words that would be taken for names. */
const withoutComments = (lua: string): string => lua.replace(/--\[\[[^]*?\]\]/g, '').replace(/^\s*--.*\n/gm, '');
