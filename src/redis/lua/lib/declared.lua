--[[
Which processes have declared a schedule. They restore it if Redis loses its data, and are told when it is no longer theirs.
]]
--- @include "lib/post"

-- The processes that have declared a schedule, with another one, and without those that are gone.
local function declaredBy(known, node)
  local nodes = { node }
  for other in string.gmatch(known or '', '%S+') do
    if other ~= node and redis.call('EXISTS', nodeKey(other)) == 1 then nodes[#nodes + 1] = other end
  end
  return table.concat(nodes, ' ')
end

-- Tells the processes that have declared a schedule, but not the one that is doing it, what becomes of it.
local function tellDeclared(known, node, event, id)
  for other in string.gmatch(known or '', '%S+') do
    if other ~= node then post(other, { '@event', event, '@id', id }) end
  end
end
