-- Counts what a group has not been handed yet, where Redis itself may have lost count: the group began somewhere in the
-- middle, or entries were removed before it had them.
--
-- KEYS: the stream. ARGV: the last entry handed out, where to stop counting. Returns the count, or -1 beyond it.
local count, from = 0, '(' .. ARGV[1]
local most = tonumber(ARGV[2])
while true do
  local page = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', 500)
  count = count + #page
  if #page < 500 then
    return count
  elseif count >= most then
    return -1
  end
  from = '(' .. page[#page][1]
end
