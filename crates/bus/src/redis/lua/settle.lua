-- Settles entries that must still be this consumer's: an acknowledgement does not come here.
--
-- KEYS: the stream, the retry records, the dead letters.
-- ARGV: group, consumer, the mark of the lane, the stream as it is called on the wire, "1" for an inbox; then for each
--       entry: what to do, id, time of the failure, due time or reason, error, channel, envelope. Times are
--       microseconds since 1970 and stay text: Lua would round or reshape them.
-- A retry record is "<attempts> <first failure> <last failure> <due> <error>".
-- Returns for each entry 1 (done), 0 (not this consumer's) or the error.
local stream, records, dead = KEYS[1], KEYS[2], KEYS[3]
local group, me, mark, place, inbox = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
-- How long what was released counts as idle, in milliseconds: twelve days, longer than anybody waits.
local RELEASED = 1000000000
local out = {}

local function failed_before(id, now)
  local record = redis.call('HGET', records, mark .. id)
  if not record then
    return 0, now
  end
  local attempts, first, last = string.match(record, '^(%d+) (%S+) (%S+) ')
  attempts = tonumber(attempts)
  if last == now then
    -- The same failure, told again because our first answer was lost.
    attempts = attempts - 1
  end
  return attempts, first
end

local function settle(at)
  local what, id, now = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local mine = redis.pcall('XPENDING', stream, group, id, id, 1, me)
  if mine.err then
    if string.sub(mine.err, 1, 7) == 'NOGROUP' then
      return 0
    end
    return mine.err
  end
  if #mine == 0 then
    return 0
  end
  local done
  if what == 'renew' then
    done = redis.pcall('XCLAIM', stream, group, me, 0, id, 'JUSTID')
  elseif what == 'release' then
    if mine[1][3] >= RELEASED then
      -- Told again because our first answer was lost: the time was taken off its deliveries then.
      return 0
    end
    -- Whoever looks next may take it. It was not begun, so this time does not count.
    local before = math.max(mine[1][4] - 1, 0)
    done = redis.pcall('XCLAIM', stream, group, me, 0, id, 'IDLE', RELEASED, 'RETRYCOUNT', before, 'JUSTID')
  elseif what == 'retry' then
    local attempts, first = failed_before(id, now)
    local record = string.format('%d %s %s %s %s', attempts + 1, first, now, ARGV[at + 3], ARGV[at + 4])
    done = redis.pcall('HSET', records, mark .. id, record)
    if type(done) == 'number' then
      redis.pcall('XCLAIM', stream, group, me, 0, id, 'JUSTID')
    end
  else
    local attempts, first = failed_before(id, now)
    done = redis.pcall('XADD', dead, '*', 'g', group, 'c', me, 'e', place .. '/' .. id, 'i', inbox, 'r', ARGV[at + 3],
      'n', attempts + 1, 'f', first, 'l', now, 'x', ARGV[at + 4], 't', ARGV[at + 5], 'd', ARGV[at + 6])
    if type(done) == 'string' then
      redis.call('XACK', stream, group, id)
      redis.call('HDEL', records, mark .. id)
      if inbox == '1' then
        redis.call('XDEL', stream, id)
      end
    end
  end
  if type(done) == 'table' and done.err then
    return done.err
  end
  return 1
end

for at = 6, #ARGV, 7 do
  out[#out + 1] = settle(at)
end
return out
