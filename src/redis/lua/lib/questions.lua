--[[
The questions of an execution: fields of one hash, each with the name of its question after a letter. `q:` its text, `c:` when
it was asked, `e:` its deadline, `d:` the answer at the deadline, `a:` its answer, `b:` the request that answered, `y:` who
answered in the client's stead, `n:` its position; `#` counts them.
]]

-- A question as alternating names and values.
local function question(key, name)
  local all = redis.call('HMGET', questionsKey(key), 'q:' .. name, 'c:' .. name, 'e:' .. name, 'd:' .. name, 'a:' .. name,
    'y:' .. name)
  local fields = { '@question', name, '@asked', all[1], '@createdAt', all[2], '@deadline', all[3], '@onDeadline', all[4] }
  if all[5] then
    fields[11] = '@answer'
    fields[12] = all[5]
  end
  if all[6] then
    fields[13] = '@by'
    fields[14] = all[6]
  end
  return fields
end

-- The names of the questions of an execution, oldest first.
local function questionNames(key)
  local order = {}
  local fields = redis.call('HGETALL', questionsKey(key))
  for i = 1, #fields, 2 do
    if string.sub(fields[i], 1, 2) == 'n:' then order[tonumber(fields[i + 1])] = string.sub(fields[i], 3) end
  end
  return order
end
