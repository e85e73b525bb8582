--[[
Removes a process.

KEYS      1: prefix of the docket, for fill inbox node
ARGV      process
Returns   how many keys were deleted
Must not  remove watches, which expire by themselves
]]

return redis.call('DEL', nodeKey(ARGV[1]), inboxKey(ARGV[1]), fillKey(ARGV[1]))
