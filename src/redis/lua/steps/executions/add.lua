--[[
Adds or replaces an execution.

KEYS      1: prefix of the docket, for allWatch asked due ended execution expiring fill gate inbox keyWatch line node open questions queue sequence sessionTasks sessionWatch state tasks unknown
ARGV      request; key; owner; '1' for a task; '1' to replace; component; limit of open tasks or -1; due time or 0; delay or 0; the process
          that waits for its end or ''; then fields of the record
Returns   a status; the record, or the number of open tasks, or generation, creation time and due time; its job; the number of a job that
          is replaced before it ran; the admitted executions
Must not  write before newTicket(), so that a full Redis refuses the step as a whole; replace a task, or what is not the caller's
Options   packed
]]
--- @include "lib/close-questions"
--- @include "lib/create"
--- @include "lib/lists"
--- @include "lib/post"
--- @include "lib/record"
--- @include "lib/state"
--- @include "lib/values"
--- @include "line/gates"
--- @include "line/jobs"

local request, key, owner, task, replaces = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1', ARGV[5] == '1'
local component, limit, delay = ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[9])
local runAt = delay > 0 and now + delay or tonumber(ARGV[8])
local x = executionKey(key)
local known = facts(x)
-- The reply to this very step was lost and the command was sent again.
if known.addedBy == request then return { 'again', recordOf(x), ticketOf(x) } end
local live = alive[known.state]
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
