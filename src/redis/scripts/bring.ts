import { createRequire } from 'node:module';
import { z } from 'zod';

/** The step of BullMQ that adds a job, with the keys and arguments that are given to it here. */
const AddJob = z.object({ addStandardJob: z.object({ content: z.string(), keys: z.literal(9) }) });

/** The Lua of that step; undefined for a BullMQ whose step is another one. The number of its keys is in its name. */
function stepOfBullMQ(): string | undefined {
  try {
    const found: unknown = createRequire(import.meta.url)('bullmq/dist/cjs/scripts/addStandardJob-9.js');
    return AddJob.parse(found).addStandardJob.content;
  } catch {
    return undefined;
  }
}

const step = stepOfBullMQ();

/**
 * Part of the prelude: brings a ticket to the end of BullMQ's line, in the step that makes it, by the step with which BullMQ
 * adds a job. That saves each execution a way of its own to Redis, and no ticket gets lost on it. Where this cannot be
 * done, false, the process is told to add the ticket as BullMQ's users do.
 */
export const bring =
  step === undefined
    ? `
local function bring() return false end`
    : `
local function addJob(KEYS, ARGV)
${step}
end
local function bring(key, ticket)
  local base = KEYS[1] .. ':tickets:'
  local keys = {}
  for i, name in ipairs({ 'wait', 'paused', 'meta', 'id', 'completed', 'delayed', 'active', 'events', 'marker' }) do
    keys[i] = base .. name
  end
  local job = cmsgpack.pack({ base, 't' .. ticket, 'run', text(now) })
  local options = cmsgpack.pack({ attempts = 0, lifo = false, removeOnComplete = true, removeOnFail = true })
  local done, id = pcall(addJob, keys, { job, cjson.encode({ key = key, ticket = ticket }), options })
  if done and type(id) == 'string' then return true end
  redis.call('DEL', base .. 't' .. ticket)
  return false
end`;
