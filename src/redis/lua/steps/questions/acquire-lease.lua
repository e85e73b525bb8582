--[[
Acquires the lease of a question, by the rules of takesOver and isKept. Beside the question are stored `s:` the connection or '-',
whether it waits ('1' yes, '0' no, 'r' no longer) and the session; `v:` once the client has confirmed the question: when waiting
ended, or 0; `w:` the sessions that have shown it, each with a line break.

KEYS      1: prefix of the docket, for alive fill inbox node questions signs
ARGV      key; name; connection; whether it waits; session
Returns   'granted', '1' if its client may still show the question, and for how long it has been kept, if it is; or 'elsewhere' and the
          holder; or 'closed'
Must not  take the lease of a connection that is alive and waits
]]
--- @include "lib/alive"
--- @include "lib/post"
--- @include "lib/values"

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
for each in string.gmatch(asked[5] or '', '[^\n]+') do
  if each ~= session then sessions[#sessions + 1] = each end
end
sessions[#sessions + 1] = session
if #sessions > SESSIONS_KEPT then table.remove(sessions, 1) end
local shown = table.concat(sessions, '\n') .. '\n'
if shown ~= asked[5] then redis.call('HSET', questions, 'w:' .. name, shown) end
return { 'granted', again and '1' or '0', kept and text(kept) or nil }
