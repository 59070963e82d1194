-- Puts an item on a board.
--
-- KEYS: when each is due, what each says. ARGV: item, text, in how many milliseconds it is due.
-- Returns 1 if it was not there, or was overdue, else 0.
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)
local due = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or '0')
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
return due <= now and 1 or 0
