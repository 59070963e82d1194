-- What this consumer holds, without changing anything but taking off what was trimmed away.
--
-- KEYS: the stream, the retry records. ARGV: group, consumer, where to begin, how many to look at, the mark of the lane.
-- Returns as take_over.lua does.
local group, me, look, mark = ARGV[1], ARGV[2], tonumber(ARGV[4]), ARGV[5]
local rows = redis.call('XPENDING', KEYS[1], group, ARGV[3], '+', look, me)
local held, ghosts, next = {}, 0, '-'
for at, row in ipairs(rows) do
  local id = row[1]
  local entry = redis.call('XRANGE', KEYS[1], id, id)
  local record = redis.call('HGET', KEYS[2], mark .. id)
  if entry[1] then
    held[#held + 1] = { id, entry[1][2], row[4], record or '' }
  else
    ghosts = ghosts + 1
    redis.call('XACK', KEYS[1], group, id)
    if record then
      redis.call('HDEL', KEYS[2], mark .. id)
    end
  end
  if at == look then
    next = '(' .. id
  end
end
return { next, ghosts, held }
