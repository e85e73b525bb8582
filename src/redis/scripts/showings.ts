import { Script } from './script.js';

/**
 * What is kept of a showing: the place or '-', '1' where somebody waits, the session.
 *
 * ARGV: key, name, then the same of who wants to show it. Gives 'granted', with '1' where its client may still show it;
 * or 'elsewhere' with the place; or 'closed'. The rules are those of takesOver.
 */
export const showScript = new Script(`
local key, name, place, waits, session = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local questions = questionsKey(key)
local asked = redis.call('HMGET', questions, 'q:' .. name, 'a:' .. name, 's:' .. name)
if not asked[1] or asked[2] then return { 'closed' } end
local again = false
if asked[3] then
  local shows, heldWaits, heldSession = string.match(asked[3], '^(%S+) (%d) (.*)$')
  if shows ~= place then
    again = heldSession == session
    if isThere(shows) then
      local takesOver = again and heldWaits == waits or not again and waits == '1' and heldWaits == '0'
      if not takesOver then return { 'elsewhere', shows } end
    end
    if shows ~= '-' then
      post(nodeOf(shows), { '@event', 'taken', '@place', shows, '@key', key, '@question', name, '@session', session })
    end
  end
end
redis.call('HSET', questions, 's:' .. name, place .. ' ' .. waits .. ' ' .. session)
return { 'granted', again and '1' or '0' }
`);

/** ARGV: key, name, place. */
export const giveUpScript = new Script(`
local key, name, place = ARGV[1], ARGV[2], ARGV[3]
local questions = questionsKey(key)
local asked = redis.call('HMGET', questions, 'a:' .. name, 's:' .. name)
if not asked[2] then return 0 end
local shows, session = string.match(asked[2], '^(%S+) %d (.*)$')
if shows ~= place then return 0 end
redis.call('HSET', questions, 's:' .. name, '- 0 ' .. session)
if not asked[1] then emit(executionKey(key), 'question', unpack(question(key, name))) end
return 1
`);
