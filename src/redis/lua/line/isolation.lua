--[[
Components that are suspected of killing their workers.
]]
--- @include "lib/values"
--- @include "line/gates"

-- How long a component stays isolated if it is not called, in milliseconds.
local ISOLATION_TTL = 86400000

-- Records that a process died while running the component.
local function suspect(component, node)
  local crashes = crashesKey(component)
  redis.call('ZREMRANGEBYSCORE', crashes, '-inf', text(now - CRASH_WINDOW))
  redis.call('ZADD', crashes, 'NX', text(now), node or '')
  redis.call('PEXPIRE', crashes, CRASH_WINDOW)
  if redis.call('ZCARD', crashes) >= CRASHES_UNTIL_ISOLATED then
    redis.call('SET', isolatedKey(component), '1', 'PX', ISOLATION_TTL)
  end
end

-- Clears the component, because an isolated run of it has not killed its worker.
local function exonerate(component)
  redis.call('DEL', crashesKey(component), isolatedKey(component))
  gates(component).open()
end
