--[[
Damaged values: one must not keep the others from being read.
]]

-- The reply to a read; nil if the value has another type.
local function sound(reply)
  if type(reply) == 'table' and reply.err then return nil end
  return reply
end

-- Whether a step failed because of a damaged value.
local function isDamage(why)
  local text = type(why) == 'table' and why.err or tostring(why)
  return string.find(text, 'WRONGTYPE', 1, true) or string.find(text, 'not an integer', 1, true)
    or string.find(text, 'not a valid', 1, true) or string.find(text, 'attempt to', 1, true)
end
