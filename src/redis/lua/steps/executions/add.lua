--[[
Adds or replaces an execution.

KEYS      1: prefix of the docket, for allWatch asked due ended execution expiring fill gate inbox keyWatch line node open questions queue sequence sessionTasks sessionWatch state tasks unknown
ARGV      request; key; owner; '1' for a task; '1' to replace; component; due time or 0; delay or 0; the process that waits for its end
          or ''; limits of the open tasks of the owner, of the client and of the session, or -1; then fields of the record
Returns   a status; the record, or which limit and the number of open tasks, or generation, creation time and due time; its job; the number of a job that
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
local component, delay = ARGV[6], tonumber(ARGV[8])
local runAt = delay > 0 and now + delay or tonumber(ARGV[7])
local x = executionKey(key)
local known = facts(x)
-- The reply to this very step was lost and the command was sent again.
if known.addedBy == request then return { 'again', recordOf(x), ticketOf(x) } end
local live = alive[known.state]
if live and (not replaces or known.owner ~= owner or known.component ~= component or known.session) then
  return { 'known', recordOf(x) }
end
local session, client
for i = 13, #ARGV, 2 do
  if ARGV[i] == 'session' then session = ARGV[i + 1] elseif ARGV[i] == 'client' then client = ARGV[i + 1] end
end
local counted = countedClient(client, owner)
for i = 1, 3 do
  local limit = tonumber(ARGV[9 + i])
  if limit >= 0 then
    local open = 0
    if i == 1 then open = tonumber(redis.call('GET', openKey(owner)) or 0)
    elseif i == 2 and counted then open = tonumber(redis.call('GET', openKey(counted)) or 0)
    elseif i == 3 and session then open = redis.call('SCARD', sessionTasksKey(session)) end
    if open >= limit then return { 'limit', { i, open } } end
  end
end

if live then
  if known.gate then gates(known.component).leave(x, key) end
  note(x, 'openQuestions', 0)
  closeQuestions(x, key)
  redis.call('ZREM', dueKey(), 'x::' .. key, 't:' .. (known.ticket or '') .. ':' .. key)
  redis.call('ZREM', stateKey(known.state), key)
  if known.run then post(known.node, { '@event', 'revoke', '@run', known.run, '@why', 'replaced' }) end
end
local ticket = create(x, key, runAt, { 'addedBy', request, unpack(ARGV, 13) }, ARGV[9])
if task then
  purge(owner, 20)
  redis.call('INCR', openKey(owner))
  if counted then redis.call('INCR', openKey(counted)) end
  redis.call('ZREM', endedKey(owner), key)
  redis.call('ZADD', tasksKey(owner), facts(x).generation, key)
  redis.call('SADD', sessionTasksKey(session), key)
  keepLists(owner)
end
return { 'added', { facts(x).generation, facts(x).createdAt, facts(x).runAt or '' }, ticket, live and not known.run and known.ticket or false, called }
