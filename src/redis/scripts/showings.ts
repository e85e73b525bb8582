import { sessionsKept } from '../../docket/engine/sessions.js';
import { Script } from './script.js';

/**
 * What is kept of a showing, beside the question: `s:` the place or '-', who waits ('1' somebody, '0' nobody, 'r' nobody any
 * more), the session; `v:` where the client said that it has it, since when nobody waits, or 0; `w:` the sessions to which it was
 * shown, each with a line break.
 *
 * ARGV: key, name, then the same of who wants to show it. Gives 'granted', with '1' where its client may still show it, and
 * for how long it has been kept where it is; or 'elsewhere' with the place; or 'closed'. The rules are those of takesOver
 * and isKept.
 */
export const showScript = new Script(`
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

/** ARGV: key, name, session. */
export const receivedScript = new Script(`
local key, name, session = ARGV[1], ARGV[2], ARGV[3]
local shown = redis.call('HGET', questionsKey(key), 's:' .. name)
if not shown then return 0 end
local shows, heldSession = string.match(shown, '^(%S+) %S (.*)$')
if shows == '-' or heldSession ~= session then return 0 end
return redis.call('HSETNX', questionsKey(key), 'v:' .. name, '0')
`);

/** ARGV: key, name, place. */
export const giveUpScript = new Script(`
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
