--[[
Confirms that the client has the question.

KEYS      1: prefix of the docket, for questions
ARGV      key; name; session
Returns   1, or 0 if the session does not hold it or has confirmed before
Must not  confirm for another session
]]

local key, name, session = ARGV[1], ARGV[2], ARGV[3]
local shown = redis.call('HGET', questionsKey(key), 's:' .. name)
if not shown then return 0 end
local shows, heldSession = string.match(shown, '^(%S+) %S (.*)$')
if shows == '-' or heldSession ~= session then return 0 end
return redis.call('HSETNX', questionsKey(key), 'v:' .. name, '0')
