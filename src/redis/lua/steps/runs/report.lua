--[[
Publishes progress or a notice of a run.

KEYS      1: prefix of the docket, for allWatch execution fill inbox keyWatch node sessionWatch
ARGV      key; run; 'progress' or 'notice'; its value
Returns   1, or 0 if the run has lost its execution
Must not  keep a notice in the record
]]
--- @include "lib/events"
--- @include "lib/record"

local key, run, event = ARGV[1], ARGV[2], ARGV[3]
local x = executionKey(key)
if not owns(x, run) then return 0 end
if event == 'progress' then
  write(x, 'progress', ARGV[4])
  emit(x, 'progress')
else
  emit(x, event, '@notice', ARGV[4])
end
return 1
