--[[
The state of one step, which batch.lua resets before each.
]]

-- The records that the step has used, by their keys. Each is read once; then only write(), note(), become() and drop() change it.
local records = {}

-- Executions that their component's limits admitted, each with its new job. The process puts them at the front of the line.
local called = {}

-- Large texts that accompany the packed replies.
local beside = {}
