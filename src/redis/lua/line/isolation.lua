--[[
Components that are suspected of killing their workers.
]]
--- @include "lib/values"
--- @include "line/gates"

-- How long a component stays isolated if it is not called, in milliseconds.
local ISOLATION_TTL = 86400000

-- Which components are isolated, as far as the steps of a command have asked.
local isolatedNow = {}

-- Whether each run of the component must be alone.
local function isIsolated(component)
  if isolatedNow[component] == nil then isolatedNow[component] = redis.call('EXISTS', isolatedKey(component)) == 1 end
  return isolatedNow[component]
end

-- Records that a process died while running the component.
local function suspect(component, node)
  local crashes = crashesKey(component)
  redis.call('ZREMRANGEBYSCORE', crashes, '-inf', text(now - CRASH_WINDOW))
  redis.call('ZADD', crashes, 'NX', text(now), node or '')
  redis.call('PEXPIRE', crashes, CRASH_WINDOW)
  if redis.call('ZCARD', crashes) >= CRASHES_UNTIL_ISOLATED then
    redis.call('SET', isolatedKey(component), '1', 'PX', ISOLATION_TTL)
    isolatedNow[component] = true
  end
end

-- Clears the component, because an isolated run of it has not killed its worker.
local function exonerate(component)
  redis.call('DEL', crashesKey(component), isolatedKey(component))
  isolatedNow[component] = false
  gates(component).open()
end
