--[[
What a worker has: executions of other components are left to workers that have them.
]]
--- @include "line/gates"
--- @include "line/jobs"
--- @include "line/line"

-- Where the limits of a component are in those of a worker, and whether the worker has the component: nil if that is not known.
-- `limits` are as in claim(); of a component without limits, the worker may say 'known' or 'unknown' in place of its concurrency.
local function standing(limits, first, component)
  local bound, has
  for i = first, #limits, 4 do
    if limits[i] == component then
      if limits[i + 1] == 'unknown' then has = false
      else
        has = true
        if limits[i + 1] ~= 'known' then bound = i end
      end
    end
  end
  return bound, has
end

-- The components of which executions wait for a worker that has them, as fetchAside() last found them.
local aside

-- Whether executions of the component wait for a worker that has it.
local function isAside(component)
  if not aside then return redis.call('SISMEMBER', unknownKey(), component) == 1 end
  for _, each in ipairs(aside) do
    if each == component then return true end
  end
  return false
end

-- Puts the first execution that waits for a worker like this one at the front of the line, unless what is there is older. The
-- caller takes it in the same step.
local function fetchAside(limits, first)
  local all = redis.call('SMEMBERS', unknownKey())
  aside = all
  local best, priority, place
  for _, component in ipairs(all) do
    local _, has = standing(limits, first, component)
    if has then
      local itsPriority, itsPlace = gates(component).firstAside()
      if itsPlace and (not best or itsPriority < priority or (itsPriority == priority and itsPlace < place)) then
        best, priority, place = component, itsPriority, itsPlace
      end
    end
  end
  if not best then return all end
  local following = redis.call('LINDEX', lineKey(), -1)
  if following and (priority > 0 or tonumber(string.match(following, '^t(%d+)') or 0) < place) then return all end
  local key, ticket = gates(best).resume()
  if key and not bring(key, ticket, true) then awaitTicket(key, ticket) end
  return all
end
