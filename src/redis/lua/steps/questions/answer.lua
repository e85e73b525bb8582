--[[
Answers a question.

KEYS      1: prefix of the docket, for allWatch asked due execution fill inbox keyWatch node questions sessionWatch
ARGV      request; key; name; answer; the session that answers, or ''; who answers in the client's stead, and that with the
          name as JSON
Returns   a status: accepted, answered, ended or unknown
Must not  answer twice, or for a session that was never shown the question
]]
--- @include "lib/close-questions"
--- @include "lib/record"

local request, key, name, session, by = ARGV[1], ARGV[2], ARGV[3], ARGV[5], ARGV[6]
local x = executionKey(key)
local state = redis.call('HGET', x, 'state')
if state and terminal[state] then
  local all = ' ' .. (redis.call('HGET', x, 'answeredBy') or '') .. ' '
  return string.find(all, ' ' .. request .. ' ', 1, true) and 'accepted' or 'ended'
end
if not state or redis.call('HEXISTS', questionsKey(key), 'q:' .. name) == 0 then return 'unknown' end
if redis.call('HEXISTS', questionsKey(key), 'a:' .. name) == 1 then
  return redis.call('HGET', questionsKey(key), 'b:' .. name) == request and 'accepted' or 'answered'
end
if session ~= '' then
  local sessions = '\n' .. (redis.call('HGET', questionsKey(key), 'w:' .. name) or '')
  if not string.find(sessions, '\n' .. session .. '\n', 1, true) then return 'unknown' end
end
if by then
  local answerers = facts(x).answerers
  redis.call('HSET', questionsKey(key), 'y:' .. name, by)
  note(x, 'answerers', answerers and answerers .. ',' .. ARGV[7] or ARGV[7])
end
closeQuestion(x, key, name, ARGV[4], request)
return 'accepted'
