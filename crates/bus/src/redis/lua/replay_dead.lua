-- Moves a dead letter to the inbox of the group that gave it up.
--
-- KEYS: the dead letters, the inbox. ARGV: the letter's id, channel, envelope.
-- Returns 1, or 0 when there is no such letter (any more): whoever comes second moves nothing.
if #redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1]) == 0 then
  return 0
end
redis.call('XADD', KEYS[2], '*', 't', ARGV[2], 'd', ARGV[3])
redis.call('XDEL', KEYS[1], ARGV[1])
return 1
