-- Sets a mark, if what stands there lets it.
--
-- KEYS: the mark. ARGV: its value, for how many milliseconds, "1" if it may be absent, then the value that it may have.
-- Returns nothing when it was set, else the value that stands in its way.
local there = redis.call('GET', KEYS[1])
if there then
  if there ~= ARGV[4] then
    return there
  end
elseif ARGV[3] ~= '1' then
  return ''
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return false
