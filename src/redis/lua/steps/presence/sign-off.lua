--[[
Records that a process is gone.

KEYS      1: prefix of the docket, for alive
ARGV      process; how long others would otherwise wait for it
Returns   OK
Must not  wait for the heartbeat to expire
]]

return redis.call('SET', aliveKey(ARGV[1]), 'gone', 'PX', ARGV[2])
