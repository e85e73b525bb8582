import { Script } from './script.js';

/** Opens a question. ARGV: key, run, name, its text, its deadline, the answer at the deadline, the limit of questions or -1. */
export const askScript = new Script(`
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
`);

/**
 * Answers a question. ARGV: the request, key, name, the answer, and optionally the session that answers. A request that is
 * sent again gets the same result.
 */
export const answerScript = new Script(`
local request, key, name, session = ARGV[1], ARGV[2], ARGV[3], ARGV[5]
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
if session then
  local sessions = '\\n' .. (redis.call('HGET', questionsKey(key), 'w:' .. name) or '')
  if not string.find(sessions, '\\n' .. session .. '\\n', 1, true) then return 'unknown' end
end
closeQuestion(x, key, name, ARGV[4], request)
return 'accepted'
`);

/** Reads the questions of an execution, oldest first. ARGV: key. */
export const questionsScript = new Script(`
local all = {}
for i, name in ipairs(questionNames(ARGV[1])) do all[i] = question(ARGV[1], name) end
return all
`);
