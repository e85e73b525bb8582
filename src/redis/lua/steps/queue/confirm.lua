--[[
Confirms that jobs are in the waiting list.

KEYS      1: prefix of the docket, for due execution queue sequence
ARGV      job numbers, each followed by its key
Returns   the numbers of the jobs that nothing needs any more, for the process to remove
Must not  confirm what was not added
]]
--- @include "line/jobs"

local vain = {}
for i = 1, #ARGV, 2 do
  local ticket, key = ARGV[i], ARGV[i + 1]
  local isFirst = redis.call('ZREM', dueKey(), 't:' .. ticket .. ':' .. key) == 1
  -- A worker may have taken the job meanwhile, or the execution may have ended before the job was in the list.
  if not isFirst and isVain(key, ticket) then vain[#vain + 1] = ticket end
end
return vain
