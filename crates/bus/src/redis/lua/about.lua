-- The entries of a stream that are about something, from the list of their ids; those that were trimmed away are dropped
-- from the list on this occasion.
--
-- KEYS: the stream, the list. ARGV: the id after which to begin, how many at most.
-- Returns entries as XRANGE does.
local stream, list, most = KEYS[1], KEYS[2], tonumber(ARGV[2])

-- Both parts of an id stay well below 2^53.
local function parse(id)
  local major, minor = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(major), tonumber(minor)
end

-- How many ids of the list, which is in their order, come before this one, or are this one.
local function before(id, itself)
  local major, minor = parse(id)
  local from, to = 0, redis.call('LLEN', list)
  while from < to do
    local middle = math.floor((from + to) / 2)
    local at_major, at_minor = parse(redis.call('LINDEX', list, middle))
    if at_major < major or (at_major == major and (at_minor < minor or (itself and at_minor == minor))) then
      from = middle + 1
    else
      to = middle
    end
  end
  return from
end

local first = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
if not first then
  redis.call('DEL', list)
  return {}
end
local gone = before(first[1], false)
if gone > 0 then
  redis.call('LTRIM', list, gone, -1)
end
local found = {}
local from = before(ARGV[1], true)
while #found < most do
  -- An entry can also have been taken out of the middle by hand, so a page may come out shorter than it was read.
  local ids = redis.call('LRANGE', list, from, from + most - #found - 1)
  if #ids == 0 then
    break
  end
  from = from + #ids
  for _, id in ipairs(ids) do
    local entry = redis.call('XRANGE', stream, id, id)[1]
    if entry then
      found[#found + 1] = entry
    end
  end
end
return found
