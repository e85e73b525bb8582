--[[
Releases the lease of a question.

KEYS      1: prefix of the docket, for allWatch execution fill inbox keyWatch node questions sessionWatch
ARGV      key; name; connection
Returns   1, or 0 if the connection does not hold it
Must not  release the lease of another connection
]]
--- @include "lib/events"
--- @include "lib/questions"

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
