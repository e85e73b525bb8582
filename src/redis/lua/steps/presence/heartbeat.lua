--[[
Records that a process is alive.

KEYS      1: prefix of the docket, for alive signs
ARGV      process; how long it keeps what it holds without another heartbeat
Returns   OK
Must not  let a process count as gone because Redis was down
]]
--- @include "lib/values"

if redis.call('PEXPIRE', signsKey(), ARGV[2]) == 0 then redis.call('SET', signsKey(), text(now + ARGV[2]), 'PX', ARGV[2]) end
return redis.call('SET', aliveKey(ARGV[1]), '1', 'PX', ARGV[2])
