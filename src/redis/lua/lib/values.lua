--[[
How numbers and times are written and read.
]]

-- The text of a number. Lua writes large ones with an exponent, and Redis takes ten times as long to write one that it is given
-- as a number. Times are capped at the last valid date.
local function text(number) return string.format('%d', number < 8.64e15 and number or 8.64e15) end

-- A number in a record, which this version may be unable to read.
local function num(value, otherwise) return tonumber(value) or otherwise end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
