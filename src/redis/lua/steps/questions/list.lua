--[[
Reads the questions of an execution, oldest first.

KEYS      1: prefix of the docket, for questions
ARGV      key
Returns   the questions, each as alternating names and values
Must not  write
]]
--- @include "lib/questions"

local all = {}
for i, name in ipairs(questionNames(ARGV[1])) do all[i] = question(ARGV[1], name) end
return all
