--[[
Deletes a schedule.

KEYS      1: prefix of the docket, for fill inbox node schedule schedules unscheduled
ARGV      process; id
Returns   1, or 0 if there is none
Must not  cancel calls that it has added, or let a process restore it
]]
--- @include "lib/damage"
--- @include "lib/declared"

-- How long processes may take to notice that Redis has lost its data, in milliseconds.
local NOTICED_WITHIN = 600000

local node, id = ARGV[1], ARGV[2]
-- A damaged one is deleted as well.
tellDeclared(sound(redis.pcall('HGET', scheduleKey(id), '@by')), node, 'unscheduled', id)
redis.call('SET', unscheduledKey(id), '1', 'PX', NOTICED_WITHIN)
redis.call('ZREM', schedulesKey(), id)
return redis.call('DEL', scheduleKey(id))
