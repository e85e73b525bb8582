--[[
Confirms that jobs are in the waiting list.

KEYS      1: prefix of the docket, for due
ARGV      job numbers, each followed by its key
Returns   how many were unconfirmed
Must not  confirm what was not added
]]

local members = {}
for i = 1, #ARGV, 2 do members[#members + 1] = 't:' .. ARGV[i] .. ':' .. ARGV[i + 1] end
return redis.call('ZREM', dueKey(), unpack(members))
