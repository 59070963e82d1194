-- Hands entries that other consumers have held too long to this one.
--
-- KEYS: the stream, the retry records. ARGV: group, consumer, idle milliseconds, where to begin, how many to look at,
--       how many to take, the mark of the lane.
-- XAUTOCLAIM would also take what this consumer holds itself, and does not tell how often each was handed out.
-- Returns where to go on ("-": all was looked at), how many entries had been trimmed away, and what was taken: id,
-- fields, how often handed out, retry record.
local group, me, idle, mark = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[7]
local look, take = tonumber(ARGV[5]), tonumber(ARGV[6])
local rows = redis.call('XPENDING', KEYS[1], group, ARGV[4], '+', look)
local taken, ghosts, next = {}, 0, '-'
for at, row in ipairs(rows) do
  local id, owner, quiet, times = row[1], row[2], row[3], row[4]
  if owner ~= me and quiet >= idle then
    local claimed = redis.call('XCLAIM', KEYS[1], group, me, 0, id)
    local record = redis.call('HGET', KEYS[2], mark .. id)
    if claimed[1] then
      taken[#taken + 1] = { id, claimed[1][2], times + 1, record or '' }
    else
      -- Redis 7 has taken it off the group with this call.
      ghosts = ghosts + 1
      redis.call('XACK', KEYS[1], group, id)
      if record then
        redis.call('HDEL', KEYS[2], mark .. id)
      end
    end
  end
  if #taken >= take then
    next = '(' .. id
    break
  elseif at == look then
    next = '(' .. id
  end
end
return { next, ghosts, taken }
