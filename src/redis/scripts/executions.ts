import { Script } from './script.js';

/**
 * Adds or replaces an execution. ARGV: the request, key, owner, '1' for a task, '1' to replace, the component, the limit of
 * open tasks or -1, its due time or 0, its delay or 0, the process that waits for its end or '', then the fields of the
 * record. Returns a status, the record or what there is to know of it, its new job, the job number of an execution that was
 * replaced before it ran, and the admitted executions.
 */
export const addScript = new Script(
  `
local request, key, owner, task, replaces = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1', ARGV[5] == '1'
local component, limit, delay = ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[9])
local runAt = delay > 0 and now + delay or tonumber(ARGV[8])
local x = executionKey(key)
local known = facts(x)
-- The reply to this very step was lost and the command was sent again.
if known.addedBy == request then return { 'again', recordOf(x), ticketOf(x) } end
local live = known.state and not terminal[known.state]
if live and (not replaces or known.owner ~= owner or known.component ~= component or known.session) then
  return { 'known', recordOf(x) }
end
if limit >= 0 then
  local open = tonumber(redis.call('GET', openKey(owner)) or 0)
  if open >= limit then return { 'limit', open } end
end

if live then
  if known.gate then gates(known.component).leave(x, key) end
  note(x, 'openQuestions', 0)
  closeQuestions(x, key)
  redis.call('ZREM', dueKey(), 'x::' .. key, 't:' .. (known.ticket or '') .. ':' .. key)
  redis.call('ZREM', stateKey(known.state), key)
  if known.run then post(known.node, { '@event', 'revoke', '@run', known.run, '@why', 'replaced' }) end
end
local ticket = create(x, key, runAt, { 'addedBy', request, unpack(ARGV, 11) }, ARGV[10])
if task then
  purge(owner, 20)
  redis.call('INCR', openKey(owner))
  redis.call('ZREM', endedKey(owner), key)
  redis.call('ZADD', tasksKey(owner), facts(x).generation, key)
  local session = facts(x).session
  redis.call('SADD', sessionTasksKey(session), key)
  keepLists(owner)
end
return { 'added', { facts(x).generation, facts(x).createdAt, facts(x).runAt or '' }, ticket, live and not known.run and known.ticket or false, called }
`,
  { packed: true },
);

/**
 * Cancels an execution. ARGV: the request, key, its generation or '', '1' if there is a reason, the reason. Returns a status,
 * the job number of an execution that was waiting, and the admitted executions.
 */
export const cancelScript = new Script(`
local request, key = ARGV[1], ARGV[2]
local x = executionKey(key)
local record = facts(x)
if not record.state then return { 'unknown' } end
if ARGV[3] ~= '' and record.generation ~= ARGV[3] then return { 'unknown' } end
if record.settledBy == request then return { 'cancelled', record.ticket } end
if terminal[record.state] then return { 'terminal' } end
local run, node, ticket = record.run, record.node, record.ticket
if ARGV[4] == '1' then
  finish(x, key, request, 'cancelled', 'reason', ARGV[5])
else
  finish(x, key, request, 'cancelled')
end
if run then
  post(node, { '@event', 'revoke', '@run', run, '@why', 'cancelled' })
  return { 'cancelled', false, called }
end
return { 'cancelled', ticket, called }
`);

/** Lists an owner's tasks. ARGV: owner, the sequence number below which the page starts or '+inf', how many. Does not scan. */
export const listScript = new Script(
  `
local owner, before, limit = ARGV[1], ARGV[2], tonumber(ARGV[3])
purge(owner, 1000)
local found = {}
while true do
  local keys = redis.call('ZREVRANGEBYSCORE', tasksKey(owner), before, '-inf', 'WITHSCORES', 'LIMIT', 0, limit + 1)
  for i = 1, #keys, 2 do
    local record = redis.call('HGETALL', executionKey(keys[i]))
    if #record > 0 then found[#found + 1] = { keys[i + 1], record } end
    if #found > limit then return found end
    before = '(' .. keys[i + 1]
  end
  if #keys == 0 then return found end
end
`,
  { alone: true },
);

/** Reads a record. ARGV: key. */
export const getScript = new Script(`return redis.call('HGETALL', executionKey(ARGV[1]))`);
