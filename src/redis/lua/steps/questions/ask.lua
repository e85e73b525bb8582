--[[
Opens a question.

KEYS      1: prefix of the docket, for allWatch asked due execution fill inbox keyWatch node questions sessionWatch
ARGV      key; run; name; text; deadline in milliseconds; the answer at the deadline; the limit of questions or -1
Returns   a status; the question; its deadline
Must not  ask twice: a run that begins anew finds its question and its answer
]]
--- @include "lib/events"
--- @include "lib/questions"
--- @include "lib/record"
--- @include "lib/values"

local key, run, name, limit = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[7])
local x, questions = executionKey(key), questionsKey(ARGV[1])
if not owns(x, run) then return { 'lost' } end
if redis.call('HEXISTS', questions, 'q:' .. name) == 0 then
  local count = tonumber(redis.call('HGET', questions, '#') or 0)
  if limit >= 0 and count >= limit then return { 'limit' } end
  redis.call('HSET', questions, '#', count + 1, 'n:' .. name, count + 1, 'q:' .. name, ARGV[4],
    'c:' .. name, text(now), 'e:' .. name, text(now + ARGV[5]), 'd:' .. name, ARGV[6])
  redis.call('ZADD', dueKey(), text(now + ARGV[5]), 'q:' .. name .. ':' .. key)
  redis.call('SADD', askedKey(), name .. ':' .. key)
  local open = num(facts(x).openQuestions, 0) + 1
  write(x, 'openQuestions', open)
  if open == 1 then emit(x, 'state') end
end
local asked = question(key, name)
if redis.call('HEXISTS', questions, 'a:' .. name) == 0 then emit(x, 'question', unpack(asked)) end
return { 'asked', asked, ARGV[5] }
