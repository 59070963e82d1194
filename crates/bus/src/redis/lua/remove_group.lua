-- Takes a group off a stream with its inbox and its records, unless something is open there.
--
-- KEYS: the stream, the inbox, the retry records. ARGV: group, "1" to do it whatever is open, where to stop counting.
-- Returns how much is open, and 1 if the group is gone, 0 if something is open.
local group, open = ARGV[1], 0
if redis.call('EXISTS', KEYS[1]) == 1 then
  for _, raw in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
    local info = {}
    for at = 1, #raw, 2 do
      info[raw[at]] = raw[at + 1]
    end
    if info.name == group then
      local unread = #redis.call('XRANGE', KEYS[1], '(' .. info['last-delivered-id'], '+', 'COUNT', ARGV[3])
      open = unread + info.pending
    end
  end
end
open = open + redis.call('XLEN', KEYS[2])
if open > 0 and ARGV[2] ~= '1' then
  return { open, 0 }
end
redis.pcall('XGROUP', 'DESTROY', KEYS[1], group)
redis.call('DEL', KEYS[2], KEYS[3])
return { open, 1 }
