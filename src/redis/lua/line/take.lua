--[[
How workers take jobs out of BullMQ's waiting list, with BullMQ's own scripts.
]]

-- The data of a job. A job that Errand did not add has empty data, which is never valid.
local function ticketIn(data)
  local known, ticket = pcall(cjson.decode, data)
  if known and type(ticket) == 'table' and type(ticket.key) == 'string' and type(ticket.ticket) == 'string' then
    return ticket
  end
  return { key = '', ticket = '' }
end

-- The id and the data of the job that a script of BullMQ has made active, from its reply. These scripts always set the marker;
-- if the waiting list is empty it is removed again, since workers would wake up in vain.
local function jobIn(reply)
  if type(reply) == 'table' and type(reply[1]) == 'table' then
    for i = 1, #reply[1], 2 do
      if reply[1][i] == 'data' then return reply[2], ticketIn(reply[1][i + 1]) end
    end
  end
  if redis.call('EXISTS', lineKey(), prioritizedKey()) == 0 then redis.call('ZREM', signKey(), '0') end
end
