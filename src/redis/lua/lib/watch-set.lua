--[[
Who watches what.
]]

-- The set of the processes that watch a subject: everything, an execution or a session.
local function watchSet(kind, name)
  if kind == 'all' then return allWatchKey() end
  return kind == 'key' and keyWatchKey(name) or sessionWatchKey(name)
end
