--[[
How questions are closed.
]]
--- @include "lib/events"
--- @include "lib/questions"
--- @include "lib/record"
--- @include "lib/values"

-- Closes a question with its answer, and remembers the request that gave it.
local function closeQuestion(x, key, name, answer, request)
  redis.call('HSET', questionsKey(key), 'a:' .. name, answer, 'b:' .. name, request)
  redis.call('ZREM', dueKey(), 'q:' .. name .. ':' .. key)
  redis.call('SREM', askedKey(), name .. ':' .. key)
  local left = math.max(num(facts(x).openQuestions, 0) - 1, 0)
  write(x, 'openQuestions', left)
  emit(x, 'closed', unpack(question(key, name)))
  if left == 0 then emit(x, 'state') end
end

-- Closes and deletes the questions of an execution.
local function closeQuestions(x, key)
  for _, name in ipairs(questionNames(key)) do
    if redis.call('ZREM', dueKey(), 'q:' .. name .. ':' .. key) == 1 then
      redis.call('SREM', askedKey(), name .. ':' .. key)
      emit(x, 'closed', unpack(question(key, name)))
    end
  end
  redis.call('DEL', questionsKey(key))
end
