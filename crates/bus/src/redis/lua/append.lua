-- Appends events to their streams and says each live, in one step.
--
-- KEYS: the streams, then the keys of the events that are to be appended once, then lists of what events are about.
-- ARGV: how many streams, how they are called on the wire, for how many milliseconds `once` holds, how many ids a list
--       holds and for how many milliseconds, how many events; then for each event the number of its stream plus 1000
--       times that of its `once` key or 0 (below zero: it is not said), channel, envelope; then for each list the number
--       of its event and of its key.
-- Returns for each event its entry id and how many heard it (-1: it was there already), or "!" with the error and 0.
local KEYS, ARGV, pcall = KEYS, ARGV, redis.pcall
local streams = tonumber(ARGV[1])
local window = ARGV[streams + 2]
local out = {}
local n = 0
-- Channels to which nobody listens: nobody begins to while this runs. Making a frame costs as much as appending.
local unheard = {}
local alone

-- Whether no replica hands on what is said; a Cluster has one node here.
local function is_alone()
  if alone == nil then
    local info = redis.pcall('INFO', 'replication')
    alone = type(info) == 'string' and string.find(info, 'connected_slaves:0', 1, true) ~= nil
  end
  return alone
end

-- The live frame is the same text with its place put first. What is no object is said as it is.
local function say(channel, envelope, place, id)
  local frame = envelope
  local _, brace = string.find(envelope, '^%s*{%s*')
  if brace then
    local comma = string.byte(envelope, brace + 1) == 125 and '"' or '",'
    frame = '{"streamId":"' .. place .. '/' .. id .. comma .. string.sub(envelope, brace + 1)
  end
  local heard = pcall('PUBLISH', channel, frame)
  return type(heard) == 'number' and heard or 0
end

local first = streams + 6
local lists = first + 3 * tonumber(ARGV[streams + 5])
for at = first, lists - 1, 3 do
  local numbers = tonumber(ARGV[at])
  local quiet = numbers < 0
  numbers = math.abs(numbers)
  local stream = numbers % 1000
  local once = (numbers - stream) / 1000
  local channel, envelope = ARGV[at + 1], ARGV[at + 2]
  local id, heard = false, 0
  if once > 0 then
    id = pcall('GET', KEYS[once])
    heard = -1
  end
  if not id then
    id = pcall('XADD', KEYS[stream], '*', 't', channel, 'd', envelope)
    if type(id) == 'string' then
      if once > 0 then
        pcall('SET', KEYS[once], id, 'PX', window)
      end
      heard = 0
      if not quiet and not unheard[channel] then
        heard = say(channel, envelope, ARGV[stream + 1], id)
        -- Asking is worth it only for some more.
        unheard[channel] = heard == 0 and lists - at > 9 and is_alone()
      end
    end
  end
  if type(id) == 'table' then
    id = '!' .. (id.err or 'ERR unknown')
    heard = 0
  end
  out[n + 1] = id
  out[n + 2] = heard
  n = n + 2
end
for at = lists, #ARGV, 2 do
  local event, list = tonumber(ARGV[at]), KEYS[tonumber(ARGV[at + 1])]
  local id = out[event * 2 - 1]
  -- One that was there already is in its lists already.
  if out[event * 2] >= 0 and string.sub(id, 1, 1) ~= '!' then
    local length = redis.pcall('RPUSH', list, id)
    if type(length) == 'number' then
      if length > tonumber(ARGV[streams + 3]) then
        redis.call('LTRIM', list, 1, -1)
      end
      redis.call('PEXPIRE', list, ARGV[streams + 4])
    end
  end
end
return out
