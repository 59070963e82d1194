-- Appends events to their streams and says each live, in one step.
--
-- KEYS: the streams, then the keys of the events that are to be appended once, then lists of what events are about.
-- ARGV: how many streams, how they are called on the wire, for how many milliseconds `once` holds, how many ids a list
--       holds and for how many milliseconds, how many runs of events, how many events are to be appended once; then for
--       each of these its number and that of its key; then for each run the number of its stream, its channel, "1" if it
--       is not said, how many events it has, and their envelopes; then for each list the number of its event and of its
--       key. An argument costs as much as a tenth of an event, so events share what they can.
-- Returns the entry id of each event, or "!" with the error; then, for each that was heard, its number and by how many
-- (-1: it was there already).
local KEYS, ARGV, pcall = KEYS, ARGV, redis.pcall
local streams = tonumber(ARGV[1])
local window = ARGV[streams + 2]
local out = {}
local hearings = {}
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

local at = streams + 7
local once = {}
for _ = 1, tonumber(ARGV[streams + 6]) do
  once[tonumber(ARGV[at])] = KEYS[tonumber(ARGV[at + 1])]
  at = at + 2
end
for _ = 1, tonumber(ARGV[streams + 5]) do
  local stream, channel, quiet = tonumber(ARGV[at]), ARGV[at + 1], ARGV[at + 2] == '1'
  local key, place = KEYS[stream], ARGV[stream + 1]
  local last = at + 3 + tonumber(ARGV[at + 3])
  for each = at + 4, last do
    local envelope = ARGV[each]
    n = n + 1
    local id, heard = false, 0
    local mark = once[n]
    if mark then
      id = pcall('GET', mark)
      heard = -1
    end
    if not id then
      id = pcall('XADD', key, '*', 't', channel, 'd', envelope)
      heard = 0
      if type(id) == 'string' then
        if mark then
          pcall('SET', mark, id, 'PX', window)
        end
        if not quiet and not unheard[channel] then
          heard = say(channel, envelope, place, id)
          -- Asking is worth it only for some more.
          unheard[channel] = heard == 0 and last - each > 3 and is_alone()
        end
      end
    end
    if type(id) == 'table' then
      id = '!' .. (id.err or 'ERR unknown')
      heard = 0
    end
    out[n] = id
    if heard ~= 0 then
      hearings[n] = heard
    end
  end
  at = last + 1
end
for list = at, #ARGV, 2 do
  local event, key = tonumber(ARGV[list]), KEYS[tonumber(ARGV[list + 1])]
  local id = out[event]
  -- One that was there already is in its lists already.
  if hearings[event] ~= -1 and string.sub(id, 1, 1) ~= '!' then
    local length = redis.pcall('RPUSH', key, id)
    if type(length) == 'number' then
      if length > tonumber(ARGV[streams + 3]) then
        redis.call('LTRIM', key, 1, -1)
      end
      redis.call('PEXPIRE', key, ARGV[streams + 4])
    end
  end
end
local events = n
for event = 1, events do
  if hearings[event] then
    out[n + 1] = event
    out[n + 2] = hearings[event]
    n = n + 2
  end
end
return out
