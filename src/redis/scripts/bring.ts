import { createRequire } from 'node:module';
import { z } from 'zod';
import { jobName, queueName } from '../keys.js';

/**
 * The Lua of one of BullMQ's scripts, so that ours can run it in the same step. Undefined if the installed BullMQ's script
 * takes a different number of keys, which is part of its file name.
 */
function stepOfBullMQ(name: 'addStandardJob' | 'moveToActive' | 'moveToFinished', keys: number): string | undefined {
  const Step = z.object({ [name]: z.object({ content: z.string(), keys: z.literal(keys) }) });
  try {
    const found: unknown = createRequire(import.meta.url)(`bullmq/dist/cjs/scripts/${name}-${keys}.js`);
    return Step.parse(found)[name]?.content;
  } catch {
    return undefined;
  }
}

const addStep = stepOfBullMQ('addStandardJob', 9);
const takeStep = stepOfBullMQ('moveToActive', 11);
const finishStep = stepOfBullMQ('moveToFinished', 14);

/** Whether {@link firstJob} and {@link nextJob} work with the installed BullMQ. */
export const takesJobs = takeStep !== undefined && finishStep !== undefined;

/** Part of the prelude: BullMQ's scripts as functions of the keys and arguments that BullMQ passes. Their text is unchanged. */
export const stepsOfBullMQ: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries({ addJob: addStep, takeJob: takeStep, finishJob: finishStep }).map(([name, step]) => [
    name,
    `local function ${name}(KEYS, ARGV)\n${step ?? ''}\nend`,
  ]),
);

/** Part of the prelude: keys of BullMQ's queue, by their names in BullMQ. */
export const lineKeys = `
local function lineKeys(names)
  local keys = {}
  for i, name in ipairs(names) do keys[i] = KEYS[1] .. ':${queueName}:' .. name end
  return keys
end`;

/** Part of the prelude: whether {@link bring} works with the installed BullMQ. */
export const brings = `
local brings = ${addStep !== undefined}`;

/**
 * Part of the prelude: adds a job to the end of BullMQ's waiting list with BullMQ's own script, in the step that creates the
 * job. That saves each execution a round trip on which its job could get lost. Returns false if this is not possible; the
 * process then adds the job through BullMQ's public interface.
 */
export const bring =
  addStep === undefined
    ? `
local function bring() return false end`
    : `
local addKeys, addOptions
local function bring(key, ticket)
  local base = KEYS[1] .. ':${queueName}:'
  -- Shared by all steps of a command.
  if not addKeys then
    addKeys = lineKeys({ 'wait', 'paused', 'meta', 'id', 'completed', 'delayed', 'active', 'events', 'marker' })
    addOptions = cmsgpack.pack({ attempts = 0, lifo = false, removeOnComplete = true, removeOnFail = true })
  end
  local job = cmsgpack.pack({ base, 't' .. ticket, '${jobName}', text(now) })
  local done, id = pcall(addJob, addKeys, { job, cjson.encode({ key = key, ticket = ticket }), addOptions })
  if done and type(id) == 'string' then return true end
  redis.call('DEL', base .. 't' .. ticket)
  return false
end`;

/** Part of the prelude: decodes the data of a job. A job that Errand did not add has empty data, which is never valid. */
export const ticketIn = `
local function ticketIn(data)
  local known, ticket = pcall(cjson.decode, data)
  if known and type(ticket) == 'table' and type(ticket.key) == 'string' and type(ticket.ticket) == 'string' then
    return ticket
  end
  return { key = '', ticket = '' }
end`;

/**
 * Part of the prelude: the id and the data of the job that a script of BullMQ has made active, from its reply. These scripts
 * always set the marker; if the waiting list is empty it is removed again, since workers would wake up in vain.
 */
export const jobIn = `
local function jobIn(reply)
  if type(reply) == 'table' and type(reply[1]) == 'table' then
    for i = 1, #reply[1], 2 do
      if reply[1][i] == 'data' then return reply[2], ticketIn(reply[1][i + 1]) end
    end
  end
  if redis.call('EXISTS', lineKey(), prioritizedKey()) == 0 then redis.call('ZREM', signKey(), '0') end
end`;

/** How long a worker's last job is remembered, in milliseconds: longer than any outage during which its command waits. */
const takenLife = 86_400_000;

/**
 * Part of the prelude: locks the first job of the waiting list for a worker, with BullMQ's own script. Returns its id and its
 * data, if there is a job. The worker's last job is remembered: if the reply was lost and the command is sent again, the
 * worker receives the same job, or nothing if another worker has it by then.
 */
export const firstJob = `
local function firstJob(intake, lock, duration, worker)
  local base = KEYS[1] .. ':${queueName}:'
  local last = redis.call('GET', takenKey(intake))
  if last and string.sub(last, 1, #lock) == lock then
    local id = string.sub(last, #lock + 2)
    if redis.call('GET', base .. id .. ':lock') ~= lock then return nil end
    return id, ticketIn(redis.call('HGET', base .. id, 'data'))
  end
  local keys = lineKeys({ 'wait', 'active', 'prioritized', 'events', 'stalled', 'limiter', 'delayed', 'paused', 'meta', 'pc',
    'marker' })
  local options = cmsgpack.pack({ token = lock, name = worker, lockDuration = duration })
  local id, ticket = jobIn(takeJob(keys, { base, text(now), options }))
  if id then redis.call('SET', takenKey(intake), lock .. ' ' .. id, 'PX', ${takenLife}) end
  return id, ticket
end`;

/**
 * Part of the prelude: acknowledges a worker's job and locks the next one under the same lock, with the script of BullMQ that
 * does both. Returns its id and its data, if there is a job. A worker that has lost its lock receives none, since another
 * worker has its job.
 */
export const nextJob = `
local finishKeys
local function nextJob(id, lock, duration, worker)
  finishKeys = finishKeys or lineKeys({ 'wait', 'active', 'prioritized', 'events', 'stalled', 'limiter', 'delayed', 'paused',
    'meta', 'pc', 'completed', '', 'metrics:completed', 'marker' })
  local options = cmsgpack.pack({ token = lock, name = worker, keepJobs = { count = 0 }, lockDuration = duration, attempts = 0,
    maxMetricsSize = '' })
  local base = KEYS[1] .. ':${queueName}:'
  finishKeys[12] = base .. id
  local reply = finishJob(finishKeys, { id, text(now), 'returnvalue', 'null', 'completed', '1', base, options })
  if reply == -1 then
    -- The job is gone. If the reply to this very step was lost and the command was sent again, the lock holds the next job.
    for _, other in ipairs(redis.call('LRANGE', base .. 'active', 0, -1)) do
      if redis.call('GET', base .. other .. ':lock') == lock then
        return other, ticketIn(redis.call('HGET', base .. other, 'data'))
      end
    end
  end
  return jobIn(reply)
end`;
