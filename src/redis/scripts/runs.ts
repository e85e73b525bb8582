import { crashesUntilCharged, crashesUntilIsolated } from '../../docket/engine/loss-policy.js';
import { Script } from './script.js';

/**
 * Acquires the run of a job: returns a status, then the record or the wait. `limits` are those of {@link acquireScript}, from
 * `first` on.
 */
const claim = `
-- Handles a run whose worker has died or has lost it. An isolated run is charged with the loss, and with those that it was only
-- suspected of, unless it was still waiting for other runs to end. Returns whether its component is isolated from now on.
local function lose(x, key)
  local record = facts(x)
  local run, node, isolated, suspicions = record.run, record.node, record.isolated, num(record.suspicions, 0)
  local shared = record.alone == run .. ' shared'
  local begun = not isolated or shared or record.alone == run
  drop(x, 'run', 'node', 'isolated')
  if not begun then
    become(x, key, 'queued', 'dueAt', text(now), 'attempt', num(record.attempt, 1) - 1)
  elseif isolated and (not shared or suspicions >= ${crashesUntilCharged}) then
    drop(x, 'suspicions')
    become(x, key, 'queued', 'dueAt', text(now), 'redelivered', 1, 'losses', num(record.losses, 0) + 1 + suspicions,
      'attempt', num(record.attempt, 1) + suspicions)
  else
    become(x, key, 'queued', 'dueAt', text(now), 'redelivered', 1, 'suspicions', suspicions + 1,
      'attempt', num(record.attempt, 1) - 1)
  end
  emit(x, 'state')
  post(node, { '@event', 'revoke', '@run', run, '@why', 'lost' })
  if begun then suspect(record.component, node) end
  local nowIsolated = redis.call('EXISTS', isolatedKey(record.component)) == 1
  -- Room among concurrent runs is no room for an isolated one.
  if nowIsolated and not isolated and record.gate then gates(record.component).leave(x, key) end
  return nowIsolated
end

local function claim(key, ticket, node, run, limits, first)
  local x = executionKey(key)
  local record = facts(x)
  if not record.state then
    unlistMissing(key)
    return 'missing'
  end
  if terminal[record.state] or record.ticket ~= ticket then return 'drop' end
  -- The reply to this very step was lost and the command was sent again.
  if record.run == run then return 'run', recordOf(x) end
  local isolated = redis.call('EXISTS', isolatedKey(record.component)) == 1
  if record.state == 'running' then
    isolated = lose(x, key)
  end
  local bound
  for i = first, #limits, 4 do
    if limits[i] == record.component then bound = i end
  end
  if bound or isolated then
    local concurrency, max, duration = nil, nil, nil
    if bound then concurrency, max, duration = tonumber(limits[bound + 1]), tonumber(limits[bound + 2]), limits[bound + 3] end
    if isolated then concurrency = 1 end
    local passes, wait = gates(record.component).pass(x, key, concurrency, max, duration)
    if not passes then return 'wait', wait and text(wait) or '' end
  elseif record.gate then
    gates(record.component).leave(x, key)
  end
  -- A job that the script itself has added was never remembered as unconfirmed.
  if not isBrought(x, ticket) then redis.call('ZREM', dueKey(), 't:' .. ticket .. ':' .. key) end
  if isolated or num(record.suspicions, 0) >= ${crashesUntilIsolated} then note(x, 'isolated', '1') end
  become(x, key, 'running', 'run', run, 'node', node, 'attempt', num(record.attempt, 0) + 1)
  emit(x, 'state')
  return 'run', recordOf(x)
end`;

/** The reply for a job that a worker has received. `args` contain the process, the run and the limits, from `first` on. */
const taken = `
local function taken(id, ticket, args, first)
  if not id then return false end
  local verdict, value = claim(ticket.key, ticket.ticket, args[first], args[first + 1], args, first + 2)
  return { verdict, value or false, id, ticket.key, ticket.ticket }
end`;

/** Acquires the next run of a worker. Its arguments are those of {@link acquireNextScript}, from `first` on. */
const follow = `
local function follow(args, first)
  local id, ticket = nextJob(args[first], args[first + 1], tonumber(args[first + 2]), args[first + 3])
  return taken(id, ticket, args, first + 4)
end`;

/**
 * Acquires the run of a job. ARGV: key, job number, the process, the run, then for each limited component its name, its
 * concurrency, its maximum rate and the window of the rate; '' for no limit. A job that is not the latest of its execution is
 * dropped. If the execution is already running, the worker that had it is lost, which is counted. Returns a status, the record
 * or the milliseconds until the window of the rate ends, and the admitted executions.
 */
export const acquireScript = new Script(
  `${claim}
local verdict, value = claim(ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV, 5)
return { verdict, value or false, called }
`,
  { packed: true },
);

/**
 * Locks the first job of the waiting list, if there is one, and acquires its run. ARGV: the intake, the lock, its duration, the
 * worker, the process, the run, then limits as in {@link acquireScript}.
 */
export const acquireFirstScript = new Script(
  `${claim}${taken}
local id, ticket = firstJob(ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4])
return { taken(id, ticket, ARGV, 5), called }
`,
  { packed: true },
);

/** Undoes the acquisition of a run that never began. ARGV: key, run. Returns the admitted executions. */
export const releaseUnstartedScript = new Script(
  `
local key, run = ARGV[1], ARGV[2]
local x = executionKey(key)
if not owns(x, run) then return { called } end
local record = facts(x)
if record.gate then gates(record.component).undo(x, key) end
drop(x, 'run', 'node', 'isolated')
become(x, key, 'queued', 'attempt', num(record.attempt, 1) - 1)
emit(x, 'state')
return { called }
`,
  { packed: true },
);

/** Restores BullMQ's marker, if a waiting list has a job. */
export const passOnScript = new Script(`
if redis.call('EXISTS', lineKey(), prioritizedKey()) == 0 then return 0 end
return redis.call('ZADD', signKey(), 0, '0')
`);

/**
 * Acknowledges a job, locks the next one, if there is one, and acquires its run. ARGV: the id of the job, its lock, the duration
 * of the lock, the worker, the process, the run, then limits as in {@link acquireScript}.
 */
export const acquireNextScript = new Script(
  `${claim}${taken}${follow}
return { follow(ARGV, 1), called }
`,
  { packed: true },
);

/**
 * Settles a run. ARGV: the request, key, run, the kind of settlement, the delay in milliseconds, the state if it is a finish,
 * then fields of the record. The last request that settled a run of the execution is remembered. Returns a status, the job of
 * an execution that runs again, and the admitted executions.
 */
export const settleScript = new Script(
  `
local request, key, run, how, delay = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local x = executionKey(key)
local record = facts(x)
if record.run ~= run then
  -- The reply to this very step was lost and the command was sent again.
  if record.settledBy == request then return { 'settled', ticketOf(x) or false } end
  return { 'lost' }
end
if record.isolated and (how == 'finish' or how == 'retry') then exonerate(record.component) end
if how == 'finish' or how == 'giveUp' then
  finish(x, key, request, unpack(ARGV, 6))
  return { 'settled', false, called }
end
if record.gate then gates(record.component)[how == 'putBack' and 'undo' or 'leave'](x, key) end
write(x, 'settledBy', request, unpack(ARGV, 6))
if how == 'handBack' or how == 'putBack' then write(x, 'attempt', num(record.attempt, 1) - 1) end
if how == 'vanish' then write(x, 'losses', num(record.losses, 0) + 1) end
local place = nil
if how == 'handBack' or how == 'vanish' then
  write(x, 'redelivered', 1)
  place = placeOf(record.ticket)
end
return { 'settled', enqueue(x, key, delay > 0 and now + delay or 0, newTicket(place)), called }
`,
  { packed: true },
);

/**
 * Settles a finished run and does the same as {@link acquireNextScript}, in one step. ARGV: the request, key, run, the number of
 * arguments for the finish, those as in {@link settleScript}, then those of {@link acquireNextScript}. If the next run cannot be
 * acquired, the reason comes last.
 */
export const finishScript = new Script(
  `${claim}${taken}${follow}
local request, key, run, last = ARGV[1], ARGV[2], ARGV[3], 4 + tonumber(ARGV[4])
local x = executionKey(key)
local record = facts(x)
local settled = record.run == run
if settled then
  if record.isolated then exonerate(record.component) end
  finish(x, key, request, unpack(ARGV, 5, last))
end
-- The reply to this very step may have been lost and the command sent again.
settled = settled or record.settledBy == request
-- Whatever is wrong with the waiting list, the run has ended.
local done, next = pcall(follow, ARGV, last + 1)
local why = not done and (type(next) == 'table' and next.err or tostring(next))
return { settled and 'settled' or 'lost', done and next, called, why }
`,
  { packed: true },
);

/**
 * Records that an isolated run begins, with nothing beside it in its worker. ARGV: key, run, '1' where its process is shared
 * with foreground calls or other workers. Writes nothing if the run was lost meanwhile.
 */
export const beginAloneScript = new Script(`
local x = executionKey(ARGV[1])
if not owns(x, ARGV[2]) then return 0 end
note(x, 'alone', ARGV[3] == '1' and ARGV[2] .. ' shared' or ARGV[2])
return 1
`);

/** Clears the component of an isolated run that has killed no worker. ARGV: key, run. Returns the admitted executions. */
export const exonerateScript = new Script(
  `
local x = executionKey(ARGV[1])
if not owns(x, ARGV[2]) or not facts(x).isolated then return { called } end
exonerate(facts(x).component)
drop(x, 'isolated')
return { called }
`,
  { packed: true },
);

/** Publishes progress or a notice of a run. ARGV: key, run, the event, its value. Only progress is kept in the record. */
export const reportScript = new Script(`
local key, run, event = ARGV[1], ARGV[2], ARGV[3]
local x = executionKey(key)
if not owns(x, run) then return 0 end
if event == 'progress' then
  write(x, 'progress', ARGV[4])
  emit(x, 'progress')
else
  emit(x, event, '@notice', ARGV[4])
end
return 1
`);
