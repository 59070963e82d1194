-- Adds a thing to a tally, if it is not there.
--
-- KEYS: the tally. ARGV: the thing (when it happened, a blank, its text), up to when what happened is let go, how many are
-- kept, for how many milliseconds.
-- Returns what stands there up to the thing, in the order in which it was added.
local place = redis.call('LPOS', KEYS[1], ARGV[1])
if not place then
  place = redis.call('RPUSH', KEYS[1], ARGV[1]) - 1
  while place > 0 do
    local first = redis.call('LINDEX', KEYS[1], 0)
    if place < tonumber(ARGV[3]) and tonumber(string.match(first, '^%-?%d+')) > tonumber(ARGV[2]) then
      break
    end
    redis.call('LPOP', KEYS[1])
    place = place - 1
  end
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
end
return redis.call('LRANGE', KEYS[1], 0, place)
