import { crashesUntilIsolated } from '../../docket/engine/loss-policy.js';
import { Script } from './script.js';

/**
 * What becomes of a ticket: a run, where it still means one, with its record. `limits` are those of {@link claimScript}, from
 * `first` on.
 */
const claim = `
-- The worker of a run has died, or has lost it. Where nothing ran beside it, it is charged with that, and with the deaths
-- that it was only suspected of. One that still waited for the others to end has done nothing. Gives whether its component is
-- isolated from now on.
local function lose(x, key)
  local record = facts(x)
  local run, node, isolated, suspicions = record.run, record.node, record.isolated, num(record.suspicions, 0)
  local begun = not isolated or record.alone == run
  drop(x, 'run', 'node', 'isolated')
  if not begun then
    become(x, key, 'queued', 'dueAt', text(now), 'attempt', num(record.attempt, 1) - 1)
  elseif isolated then
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
  -- A place among those that run at once is none beside no other.
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
  -- The reply of this very step was lost and the command sent again.
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
  -- Where one that is brought got lost on its way, who looks for what is due takes it out.
  if not isBrought(x, ticket) then redis.call('ZREM', dueKey(), 't:' .. ticket .. ':' .. key) end
  if isolated or num(record.suspicions, 0) >= ${crashesUntilIsolated} then note(x, 'isolated', '1') end
  become(x, key, 'running', 'run', run, 'node', node, 'attempt', num(record.attempt, 0) + 1)
  emit(x, 'state')
  return 'run', recordOf(x)
end`;

/** What has become of a ticket that a worker was given. `args` have the process, the run and the limits, from `first` on. */
const taken = `
local function taken(id, ticket, args, first)
  if not id then return false end
  local verdict, value = claim(ticket.key, ticket.ticket, args[first], args[first + 1], args, first + 2)
  return { verdict, value or false, id, ticket.key, ticket.ticket }
end`;

/** The next run of a worker: the arguments begin at `first`, as those of {@link nextScript}. */
const follow = `
local function follow(args, first)
  local id, ticket = nextJob(args[first], args[first + 1], tonumber(args[first + 2]), args[first + 3])
  return taken(id, ticket, args, first + 4)
end`;

/**
 * ARGV: key, ticket, the process, the run, then of each component that is bound its name, how many may run at once, how many
 * may begin in a time, and that time; '' for what is not bound. A ticket that is not the last one of its execution is dropped.
 * One whose execution runs already was delivered before, and the worker that had it is lost, which is counted. Who was called
 * comes third; of one that has to wait, how long it is until the time of the rate has passed comes second.
 */
export const claimScript = new Script(
  `${claim}
local verdict, value = claim(ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV, 5)
return { verdict, value or false, called }
`,
  { packed: true },
);

/**
 * ARGV: the intake, a lock, how long that holds, the worker, the process, the run, then limits as in {@link claimScript}. The
 * first ticket in line is taken under that lock, if there is one, and what it becomes as the run is given.
 */
export const takeScript = new Script(
  `${claim}${taken}
local id, ticket = firstJob(ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4])
return { taken(id, ticket, ARGV, 5), called }
`,
  { packed: true },
);

/** ARGV: key, run. A run that was not begun is as if it had never been: its ticket goes back to where it was. Gives who was called. */
export const unclaimScript = new Script(
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

/** Puts BullMQ's sign up again, where there is something in line. */
export const passOnScript = new Script(`
if redis.call('EXISTS', lineKey(), prioritizedKey()) == 0 then return 0 end
return redis.call('ZADD', signKey(), 0, '0')
`);

/**
 * ARGV: the id of a job of BullMQ, its lock, how long that holds, the worker, the process, the run, then limits as in
 * {@link claimScript}. The job is done. Where another is in line it is taken, and what its ticket becomes as the run is given.
 */
export const nextScript = new Script(
  `${claim}${taken}${follow}
return { follow(ARGV, 1), called }
`,
  { packed: true },
);

/**
 * ARGV: the request, key, run, how it ends, the delay in milliseconds, of a finish the state, then fields of the record. Of
 * several requests that ended runs of the execution, the last is remembered. Gives its ticket if it runs again, and who was called.
 */
export const settleScript = new Script(
  `
local request, key, run, how, delay = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local x = executionKey(key)
local record = facts(x)
if record.run ~= run then
  -- The reply of this very step was lost and the command sent again.
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
 * ARGV: the request, key, run, how many arguments follow for the finish, those as in {@link settleScript}, then what
 * {@link nextScript} takes. A run is finished and its job is done with: both in one step, with the run that comes after it. Why
 * there is none comes last, where something is wrong.
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
-- The reply of this very step may have been lost and the command sent again.
settled = settled or record.settledBy == request
-- Whatever is wrong with the line, the run has ended.
local done, next = pcall(follow, ARGV, last + 1)
local why = not done and (type(next) == 'table' and next.err or tostring(next))
return { settled and 'settled' or 'lost', done and next, called, why }
`,
  { packed: true },
);

/** ARGV: key, run. An isolated run begins, and nothing runs beside it. Of one that was lost meanwhile nothing is written. */
export const beginAloneScript = new Script(`
local x = executionKey(ARGV[1])
if not owns(x, ARGV[2]) then return 0 end
note(x, 'alone', ARGV[2])
return 1
`);

/** ARGV: key, run. An isolated run has shown that it kills no worker. Gives who was called. */
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

/** ARGV: key, run, the event, the name and the value that it carries. Progress is kept in the record, a notice is not. */
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
