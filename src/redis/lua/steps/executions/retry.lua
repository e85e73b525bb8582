--[[
Runs a failed execution again.

KEYS      1: prefix of the docket, for allWatch due ended execution expiring fill inbox keyWatch line node open queue sequence sessionWatch state tasks
ARGV      request; key
Returns   a status; the record; its job
Must not  write before newTicket(), so that a full Redis refuses the step as a whole; run a client's task again
Options   packed
]]
--- @include "lib/lists"
--- @include "lib/record"
--- @include "lib/values"
--- @include "line/jobs"
--- @include "line/queue"

local request, key = ARGV[1], ARGV[2]
local x = executionKey(key)
local record = facts(x)
refuseBroken(x)
if not record.state then return { 'unknown' } end
if record.addedBy == request then return { 'retried', recordOf(x), ticketOf(x) } end
if record.state ~= 'failed' or record.session then return { 'refused', recordOf(x) } end
-- A full Redis refuses this write, provided that the step has written nothing before.
local number = newTicket()
redis.call('PERSIST', x)
drop(x, 'outcome', 'progress', 'finishedAt', 'reason', 'lastError', 'attempt', 'losses', 'suspicions', 'redelivered', 'openQuestions', 'answeredBy',
  'answerers')
local ticket = enqueue(x, key, 0, number, 'generation', number, 'createdAt', text(timeOf(x)), 'addedBy', request)
unlist(key)
return { 'retried', recordOf(x), ticket }
