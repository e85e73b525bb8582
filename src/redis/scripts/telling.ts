import { endFields } from '../../docket/engine/record.js';
import { endsKept } from '../../docket/engine/sessions.js';

/** How many events a process may be behind before it has to read again what it watches. */
const longestInbox = 10_000;

/** How long it is remembered that tasks of a session ended unheard, in milliseconds. */
const missedLife = 3_600_000;

/** Part of the prelude: how processes are told what has happened. */
export const telling: Readonly<Record<string, string>> = {
  unseen: `
local unseen = { input = true, run = true, node = true, ticket = true, gate = true,
  addedBy = true, settledBy = true, answeredBy = true, awaitedBy = true }`,

  // Sends an entry to a process, unless that has gone.
  post: `
local function post(node, entry)
  local number = redis.call('INCR', nodeKey(node))
  -- Who joins begins with 1: where this is the first number there is no such process.
  if number == 1 then
    redis.call('DEL', nodeKey(node))
    return false
  end
  redis.call('XADD', inboxKey(node), 'MAXLEN', '~', '${longestInbox}', '*', '@number', number, unpack(entry))
  return true
end`,

  // The process of a place, and whether it is there.
  nodeOf: `
local function nodeOf(place) return string.match(place, '^(.*)/') or '' end`,

  // Whether a process is alive. Where there was no sign of anybody for as long as one lives without, it was Redis that could
  // not be reached: who comes back has time to say so, and keeps what it had.
  isAlive: `
local function isAlive(node)
  local sign = redis.call('GET', aliveKey(node))
  if sign then return sign ~= 'gone' end
  local untold = redis.call('GET', signsKey())
  return not untold or now < tonumber(untold)
end`,

  isThere: `
local function isThere(place) return nodeOf(place) ~= '' and isAlive(nodeOf(place)) end`,

  // Tells every process that serves a session.
  spread: `
local function spread(session, from, kind, value)
  local entry = { '@event', 'session', '@session', session, '@from', from, '@type', kind, '@value', value }
  for _, node in ipairs(redis.call('SMEMBERS', sessionWatchKey(session))) do
    if not post(node, entry) then redis.call('SREM', sessionWatchKey(session), node) end
  end
  return 1
end`,

  // A task of a session has ended. Where it had a place to be told at and has none now, that is remembered.
  leaveSession: `
local function leaveSession(session, key)
  redis.call('SREM', sessionTasksKey(session), key)
  local holder = redis.call('HGET', sessionKey(session), 'holder')
  if not holder or isThere(holder) then return end
  redis.call('RPUSH', missedKey(session), key)
  redis.call('LTRIM', missedKey(session), -${endsKept}, -1)
  redis.call('PEXPIRE', missedKey(session), ${missedLife})
end`,

  // Sends an event with the record as it is now to every process that watches the execution, its session or everything.
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

  // How an execution stands, for those who wait for its end.
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

  // Tells the processes that wait for the end of an execution how it stands. They are in its record, by their names.
  tellEnd: `
local function tellEnd(x, awaitedBy)
  if not awaitedBy then return end
  local entry = { '@event', 'end', unpack(standing(x)) }
  for node in string.gmatch(awaitedBy, '%S+') do post(node, entry) end
end`,

  // A question as pairs of names and values.
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
