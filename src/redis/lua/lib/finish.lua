--[[
How executions end.
]]
--- @include "lib/close-questions"
--- @include "lib/events"
--- @include "lib/lists"
--- @include "lib/questions"
--- @include "lib/record"
--- @include "lib/sessions"
--- @include "lib/values"
--- @include "line/gates"

-- Ends an execution. A terminal state is final: only a new generation writes to it. The remembered requests let those that
-- are sent again get the same answer.
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
    local counted = countedClient(record.client, owner)
    if counted and redis.call('DECR', openKey(counted)) <= 0 then redis.call('DEL', openKey(counted)) end
    redis.call('ZADD', endedKey(owner), text(expires), key)
    keepLists(owner)
    leaveSession(record.session, key)
  end
end
