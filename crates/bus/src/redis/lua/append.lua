-- Appends events to their streams and says each live, in one step.
--
-- KEYS: the streams, then the keys of the events that are to be appended once, then lists of what events are about.
-- ARGV: how many streams, how they are called on the wire, for how many milliseconds `once` holds, how many ids a list
--       holds and for how many milliseconds, how many events; then for each event the number of its stream (below zero:
--       it is not said), the number of its `once` key (or 0), channel, envelope; then for each list the number of its
--       event and of its key.
-- Returns for each event its entry id and how many heard it (-1: it was there already), or "!" with the error and 0.
local streams = tonumber(ARGV[1])
local window = ARGV[streams + 2]
local out = {}
local n = 0
local first = streams + 6
local lists = first + 4 * tonumber(ARGV[streams + 5])
for at = first, lists - 1, 4 do
  local stream = tonumber(ARGV[at])
  local quiet = stream < 0
  stream = math.abs(stream)
  local once = tonumber(ARGV[at + 1])
  local channel, envelope = ARGV[at + 2], ARGV[at + 3]
  local id, heard = false, 0
  if once > 0 then
    id = redis.pcall('GET', KEYS[once])
    heard = -1
  end
  if not id then
    id = redis.pcall('XADD', KEYS[stream], '*', 't', channel, 'd', envelope)
    heard = 0
    if type(id) == 'string' then
      if once > 0 then
        redis.pcall('SET', KEYS[once], id, 'PX', window)
      end
      if not quiet then
        -- The live frame is the same text with its place put first. What is no object is said as it is.
        local frame = envelope
        local rest = string.match(envelope, '^%s*{%s*(.*)$')
        if rest then
          local comma = string.sub(rest, 1, 1) == '}' and '"' or '",'
          frame = '{"streamId":"' .. ARGV[stream + 1] .. '/' .. id .. comma .. rest
        end
        heard = redis.pcall('PUBLISH', channel, frame)
        if type(heard) ~= 'number' then
          heard = 0
        end
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
