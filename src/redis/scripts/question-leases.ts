import { sessionsKept } from '../../docket/engine/sessions.js';
import { Script } from './script.js';

/**
 * Acquires the lease of a question. Stored beside the question: `s:` the connection or '-', whether it waits ('1' yes, '0' no,
 * 'r' no longer), the session; `v:` exists if the client confirmed the question: when waiting ended, or 0; `w:` the sessions
 * that have shown it, each with a line break.
 *
 * ARGV: key, name, then connection, waiting and session of the applicant. Returns 'granted', with '1' if its client may still
 * show the question, and for how long it has been kept, if it is; or 'elsewhere' with the holder; or 'closed'. The rules are
 * those of takesOver and isKept.
 */
export const acquireLeaseScript = new Script(`
local key, name, place, waits, session = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local questions = questionsKey(key)
local asked = redis.call('HMGET', questions, 'q:' .. name, 'a:' .. name, 's:' .. name, 'v:' .. name, 'w:' .. name)
if not asked[1] or asked[2] then return { 'closed' } end
local again, kept, since = false, nil, '0'
if asked[3] then
  local shows, held, heldSession = string.match(asked[3], '^(%S+) (%S) (.*)$')
  local isSame, isAlive = heldSession == session, shows == place
  if shows ~= place then
    again = isSame
    isAlive = isThere(shows)
    if isAlive then
      local takesOver = not isSame and waits == '1' and held ~= '1'
      if isSame and held == 'r' then takesOver = waits ~= '0' elseif isSame then takesOver = (held == '1') == (waits == '1') end
      if not takesOver then return { 'elsewhere', shows } end
    end
    if shows ~= '-' then
      post(nodeOf(shows), { '@event', 'taken', '@place', shows, '@key', key, '@question', name, '@session', session })
    end
  end
  if asked[4] and isSame and isAlive and (shows == place or waits == '1' and held ~= '0') then
    kept = asked[4] == '0' and 0 or math.max(now - tonumber(asked[4]), 0)
    since = waits == 'r' and text(now - kept) or '0'
  end
end
redis.call('HSET', questions, 's:' .. name, place .. ' ' .. waits .. ' ' .. session)
if kept then redis.call('HSET', questions, 'v:' .. name, since) elseif asked[4] then redis.call('HDEL', questions, 'v:' .. name) end
local sessions = {}
for each in string.gmatch(asked[5] or '', '[^\\n]+') do
  if each ~= session then sessions[#sessions + 1] = each end
end
sessions[#sessions + 1] = session
if #sessions > ${sessionsKept} then table.remove(sessions, 1) end
local shown = table.concat(sessions, '\\n') .. '\\n'
if shown ~= asked[5] then redis.call('HSET', questions, 'w:' .. name, shown) end
return { 'granted', again and '1' or '0', kept and text(kept) or nil }
`);

/** Confirms that the client has the question. ARGV: key, name, session. */
export const receivedScript = new Script(`
local key, name, session = ARGV[1], ARGV[2], ARGV[3]
local shown = redis.call('HGET', questionsKey(key), 's:' .. name)
if not shown then return 0 end
local shows, heldSession = string.match(shown, '^(%S+) %S (.*)$')
if shows == '-' or heldSession ~= session then return 0 end
return redis.call('HSETNX', questionsKey(key), 'v:' .. name, '0')
`);

/** Releases the lease of a question. ARGV: key, name, connection id. */
export const releaseLeaseScript = new Script(`
local key, name, place = ARGV[1], ARGV[2], ARGV[3]
local questions = questionsKey(key)
local asked = redis.call('HMGET', questions, 'a:' .. name, 's:' .. name)
if not asked[2] then return 0 end
local shows, session = string.match(asked[2], '^(%S+) %S (.*)$')
if shows ~= place then return 0 end
redis.call('HSET', questions, 's:' .. name, '- 0 ' .. session)
redis.call('HDEL', questions, 'v:' .. name)
if not asked[1] then emit(executionKey(key), 'question', unpack(question(key, name))) end
return 1
`);
