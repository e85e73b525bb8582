import { executionStates, mostLookedAt, summaryFields } from '../../docket/engine/queries.js';
import { Script } from './script.js';

/** How many queued executions are examined to find the one that waits longest. */
const waitingLookedAt = 100;

/**
 * Reads a page of all executions. ARGV: the number below which the page starts or '+inf', how many, the component or '', then
 * the states. Returns the summaries and the number below which the next page starts, or ''.
 */
export const browseScript = new Script(
  `
forgetExpired(500)
local before, limit, component = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local most = component == '' and limit or ${mostLookedAt}
local all = {}
for i = 4, #ARGV do
  local keys = redis.call('ZREVRANGEBYSCORE', stateKey(ARGV[i]), before, '-inf', 'WITHSCORES', 'LIMIT', 0, most + 1)
  for j = 1, #keys, 2 do all[#all + 1] = { keys[j], tonumber(keys[j + 1]) } end
end
table.sort(all, function(a, b) return a[2] > b[2] end)
local found = {}
for i, entry in ipairs(all) do
  if i > most or #found == limit then return { found, text(all[i - 1][2]) } end
  local fields = redis.call('HMGET', executionKey(entry[1]), ${summaryFields.map((field) => `'${field}'`).join(', ')})
  if fields[1] and (component == '' or fields[2] == component) then found[#found + 1] = fields end
end
return { found, '' }
`,
  { alone: true },
);

/** Returns the number of executions in each state, of open questions and of live workers, and the longest wait or ''. */
export const statsScript = new Script(
  `
-- Expired executions are not counted. If there are very many, the regular checks remove the rest.
for _ = 1, 20 do if not forgetExpired(500) then break end end
local counts = {}
for i, state in ipairs({ ${executionStates.map((state) => `'${state}'`).join(', ')} }) do
  counts[i] = redis.call('ZCARD', stateKey(state))
end
local since
for _, key in ipairs(redis.call('ZRANGE', stateKey('queued'), 0, ${waitingLookedAt - 1})) do
  local at = tonumber(redis.call('HGET', executionKey(key), 'dueAt') or now)
  since = math.min(since or at, at)
end
local workers = redis.call('ZCOUNT', workersKey(), text(now), '+inf')
return { counts, redis.call('SCARD', askedKey()), workers, since and text(math.max(now - since, 0)) or '' }
`,
  { alone: true },
);

/** Retries an execution. ARGV: the request, key. A request that is sent again gets the same answer. */
export const retryScript = new Script(
  `
local request, key = ARGV[1], ARGV[2]
local x = executionKey(key)
local record = facts(x)
if not record.state then return { 'unknown' } end
if record.addedBy == request then return { 'retried', recordOf(x), ticketOf(x) } end
if record.state ~= 'failed' or record.session then return { 'refused', recordOf(x) } end
-- A full Redis refuses this write, provided that the step has written nothing before.
local number = newTicket()
redis.call('PERSIST', x)
drop(x, 'outcome', 'progress', 'finishedAt', 'reason', 'lastError', 'attempt', 'losses', 'suspicions', 'redelivered', 'openQuestions', 'answeredBy')
local ticket = enqueue(x, key, 0, number, 'generation', number, 'createdAt', text(timeOf(x)), 'addedBy', request)
unlist(key)
return { 'retried', recordOf(x), ticket }
`,
  { packed: true },
);
