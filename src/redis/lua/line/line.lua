--[[
BullMQ's waiting list. The step that creates a job adds it there with BullMQ's own script, which saves each execution a round
trip on which its job could get lost. Without that script, the process adds the job through BullMQ's public interface.
]]
--- @include "lib/damage"
--- @include "lib/record"
--- @include "lib/values"
--- @include "line/jobs"
--- @bullmq addJob

local addKeys, addOptions, frontOptions

-- Adds a job to the end of the line, or to its front. False if the process has to do it.
local function bring(key, ticket, front)
  -- Shared by all steps of a command.
  if not addKeys then
    addKeys = lineKeys({ 'wait', 'paused', 'meta', 'id', 'completed', 'delayed', 'active', 'events', 'marker' })
    addOptions = cmsgpack.pack({ attempts = 0, lifo = false, removeOnComplete = true, removeOnFail = true })
    frontOptions = cmsgpack.pack({ attempts = 0, lifo = true, removeOnComplete = true, removeOnFail = true })
  end
  local job = cmsgpack.pack({ queueKey(), 't' .. ticket, JOB_NAME, text(now) })
  local done, id = pcall(addJob, addKeys, { job, cjson.encode({ key = key, ticket = ticket }), front and frontOptions or addOptions })
  if done and type(id) == 'string' then return true end
  -- BullMQ may have stopped halfway. It adds no job that exists.
  redis.call('DEL', queueKey('t' .. ticket))
  redis.pcall('LREM', lineKey(), 1, 't' .. ticket)
  if not done and isDamage(id) then
    -- The caller mends the waiting list and runs the step again. Not every step gets here a second time, so the job is remembered.
    awaitTicket(key, ticket)
    error(id)
  end
  return false
end

-- Whether the step that creates a job also adds it to the line. The process adds jobs that wait again, which go to the front,
-- and jobs with a priority.
local function isBrought(x, ticket)
  return addJob and not facts(x).priority and not string.find(ticket, '.', 1, true)
end

-- Adds the job of an execution to the line, if possible. Returns whether it did; otherwise the process has to.
local function lineUp(x, key, ticket)
  local inLine = isBrought(x, ticket) and bring(key, ticket)
  if not inLine then awaitTicket(key, ticket) end
  return inLine
end
