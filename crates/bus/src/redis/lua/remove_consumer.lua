-- Takes a consumer off a group unless it holds something, which would be lost with it.
--
-- KEYS: the stream. ARGV: group, consumer. Returns 1 if the consumer is gone, 0 if it holds something.
local held = redis.pcall('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2])
if held.err then
  -- No group, so no consumer.
  return 1
end
if #held > 0 then
  return 0
end
redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
return 1
