-- Takes a mark away if it has this value.
--
-- KEYS: the mark. ARGV: the value. Returns 1 if it was taken away, else 0.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1])
