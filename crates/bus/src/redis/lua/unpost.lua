-- Takes an item off a board.
--
-- KEYS: when each is due, what each says. ARGV: item. Returns its text, or nothing if it was not there.
if redis.call('ZREM', KEYS[1], ARGV[1]) == 0 then
  return false
end
local text = redis.call('HGET', KEYS[2], ARGV[1]) or ''
redis.call('HDEL', KEYS[2], ARGV[1])
return text
