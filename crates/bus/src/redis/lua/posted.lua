-- What is on a board, what is due first before all else.
--
-- KEYS: when each is due, what each says. ARGV: at most how many, "all" or what becomes of what is due, which is told alone:
-- "take" takes it off, "put off" puts it off by the next argument, in milliseconds.
-- Returns for each item: its name, its text, in how many milliseconds it is due (0: now).
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)
local until_ = ARGV[2] == 'all' and '+inf' or now
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', until_, 'WITHSCORES', 'LIMIT', 0, ARGV[1])
local out = {}
for at = 1, #found, 2 do
  local item = found[at]
  out[#out + 1] = item
  out[#out + 1] = redis.call('HGET', KEYS[2], item) or ''
  out[#out + 1] = math.max(tonumber(found[at + 1]) - now, 0)
  if ARGV[2] == 'take' then
    redis.call('ZREM', KEYS[1], item)
    redis.call('HDEL', KEYS[2], item)
  elseif ARGV[2] == 'put off' then
    redis.call('ZADD', KEYS[1], now + ARGV[3], item)
  end
end
return out
