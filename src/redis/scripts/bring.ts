import { createRequire } from 'node:module';
import { z } from 'zod';
import { jobName, queueName } from '../keys.js';

/**
 * The Lua of a step of BullMQ, to be made in the same step as ours; undefined for a BullMQ whose step takes other keys. Their
 * number is in the name of its file.
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

/** Whether {@link firstJob} and {@link nextJob} work with the BullMQ that is here. */
export const takesJobs = takeStep !== undefined && finishStep !== undefined;

/** Part of the prelude: the steps of BullMQ, each a function of what BullMQ gives it. Nothing is put into their text. */
export const stepsOfBullMQ: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries({ addJob: addStep, takeJob: takeStep, finishJob: finishStep }).map(([name, step]) => [
    name,
    `local function ${name}(KEYS, ARGV)\n${step ?? ''}\nend`,
  ]),
);

/** Part of the prelude: the keys of BullMQ's line by their names there. */
export const lineKeys = `
local function lineKeys(names)
  local keys = {}
  for i, name in ipairs(names) do keys[i] = KEYS[1] .. ':${queueName}:' .. name end
  return keys
end`;

/** Part of the prelude: whether {@link bring} works with the BullMQ that is here. */
export const brings = `
local brings = ${addStep !== undefined}`;

/**
 * Part of the prelude: brings a ticket to the end of BullMQ's line, in the step that makes it, by the step with which BullMQ
 * adds a job. That saves each execution a way of its own to Redis, and no ticket gets lost on it. Where this cannot be
 * done, false, the process is told to add the ticket as BullMQ's users do.
 */
export const bring =
  addStep === undefined
    ? `
local function bring() return false end`
    : `
local addKeys, addOptions
local function bring(key, ticket)
  local base = KEYS[1] .. ':${queueName}:'
  -- The same for all steps of a command.
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

/** Part of the prelude: the ticket in the data of a job. One that is none of ours means nothing, and is nobody's. */
export const ticketIn = `
local function ticketIn(data)
  local known, ticket = pcall(cjson.decode, data)
  if known and type(ticket) == 'table' and type(ticket.key) == 'string' and type(ticket.ticket) == 'string' then
    return ticket
  end
  return { key = '', ticket = '' }
end`;

/**
 * Part of the prelude: the id of a job and its ticket, in what BullMQ's steps give of the job that they have made active. Each
 * of them puts up the sign that there is more, which is taken down where the line is empty: workers would look in vain.
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

/** How long it is remembered what a worker took last: longer than an outage in which its command waits, in milliseconds. */
const takenLife = 86_400_000;

/**
 * Part of the prelude: a worker takes the first job of the line under a lock, by the step with which BullMQ does it. Gives its
 * id and its ticket, if there is one. What the worker took last is remembered: where the reply was lost and the command is
 * sent again, it is given the same, or nothing where that has become another worker's meanwhile.
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
 * Part of the prelude: a worker is done with the job of a ticket, and takes the next one of the line under the same lock, by
 * the step with which BullMQ does both. Gives its id and its ticket, if there is one. A worker whose lock was lost is given
 * none: its job has become that of another.
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
    -- The job is gone. Where the reply of this very step was lost and the command sent again, the lock has the next one.
    for _, other in ipairs(redis.call('LRANGE', base .. 'active', 0, -1)) do
      if redis.call('GET', base .. other .. ':lock') == lock then
        return other, ticketIn(redis.call('HGET', base .. other, 'data'))
      end
    end
  end
  return jobIn(reply)
end`;
