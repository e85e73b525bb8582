import { endFields } from '../../docket/engine/record.js';
import { endsKept } from '../../docket/engine/sessions.js';

/** Events kept in an inbox. A process that falls further behind must read again what it watches. */
const longestInbox = 10_000;

/** How long tasks of a session that ended unnoticed are remembered, in milliseconds. */
const missedTtl = 3_600_000;

/** Part of the prelude: how events are published to processes. */
export const publishing: Readonly<Record<string, string>> = {
  unseen: `
local unseen = { input = true, run = true, node = true, ticket = true, gate = true,
  addedBy = true, settledBy = true, answeredBy = true, awaitedBy = true }`,

  // Sends a message to a process, unless that is gone.
  post: `
local function post(node, entry)
  local number = redis.call('INCR', nodeKey(node))
  -- A process joins with number 1. If this is the first number, there is no such process.
  if number == 1 then
    redis.call('DEL', nodeKey(node))
    return false
  end
  redis.call('XADD', inboxKey(node), 'MAXLEN', '~', '${longestInbox}', '*', '@number', number, unpack(entry))
  return true
end`,

  // The process of a connection.
  nodeOf: `
local function nodeOf(place) return string.match(place, '^(.*)/') or '' end`,

  // Whether a process is alive. If no process has sent a heartbeat for a whole TTL, Redis itself was unreachable. Processes then
  // get time to send one, and keep what they hold.
  isAlive: `
local function isAlive(node)
  local sign = redis.call('GET', aliveKey(node))
  if sign then return sign ~= 'gone' end
  local untold = redis.call('GET', signsKey())
  return not untold or now < tonumber(untold)
end`,

  // Whether the process of a connection is alive.
  isThere: `
local function isThere(place) return nodeOf(place) ~= '' and isAlive(nodeOf(place)) end`,

  // Publishes news to every process that serves a session.
  spread: `
local function spread(session, from, kind, value)
  local entry = { '@event', 'session', '@session', session, '@from', from, '@type', kind, '@value', value }
  for _, node in ipairs(redis.call('SMEMBERS', sessionWatchKey(session))) do
    if not post(node, entry) then redis.call('SREM', sessionWatchKey(session), node) end
  end
  return 1
end`,

  // Removes an ended task from its session. If the session had a holder that is now gone, the task is remembered.
  leaveSession: `
local function leaveSession(session, key)
  redis.call('SREM', sessionTasksKey(session), key)
  local holder = redis.call('HGET', sessionKey(session), 'holder')
  if not holder or isThere(holder) then return end
  redis.call('RPUSH', missedKey(session), key)
  redis.call('LTRIM', missedKey(session), -${endsKept}, -1)
  redis.call('PEXPIRE', missedKey(session), ${missedTtl})
end`,

  // Sends an event with the current record to every process that watches the execution, its session or everything.
  emit: `
local function emit(x, event, ...)
  local record = facts(x)
  local sets = { allWatchKey(), keyWatchKey(record.key or '') }
  if record.session then sets[3] = sessionWatchKey(record.session) end
  local nodes = redis.call('SUNION', unpack(sets))
  if #nodes == 0 then return end
  local entry = { '@event', event, ... }
  for name, value in pairs(record) do
    if not unseen[name] then
      entry[#entry + 1] = name
      entry[#entry + 1] = value
    end
  end
  for _, node in ipairs(nodes) do
    if not post(node, entry) then
      for _, set in ipairs(sets) do redis.call('SREM', set, node) end
    end
  end
end`,

  // The state of an execution, for those who wait for its end.
  standing: `
local function standing(x)
  local record, all = facts(x), {}
  for _, name in ipairs({ ${endFields.map((field) => `'${field}'`).join(', ')} }) do
    if record[name] then
      all[#all + 1] = name
      all[#all + 1] = record[name]
    end
  end
  return all
end`,

  // Sends the state of an execution to the processes that wait for its end. Their ids are in its record.
  tellEnd: `
local function tellEnd(x, awaitedBy)
  if not awaitedBy then return end
  local entry = { '@event', 'end', unpack(standing(x)) }
  for node in string.gmatch(awaitedBy, '%S+') do post(node, entry) end
end`,

  // A question as alternating names and values.
  question: `
local function question(key, name)
  local questions = questionsKey(key)
  local all = redis.call('HMGET', questions, 'q:' .. name, 'c:' .. name, 'e:' .. name, 'd:' .. name, 'a:' .. name)
  local fields = { '@question', name, '@asked', all[1], '@createdAt', all[2], '@deadline', all[3], '@onDeadline', all[4] }
  if all[5] then
    fields[11] = '@answer'
    fields[12] = all[5]
  end
  return fields
end`,
};
