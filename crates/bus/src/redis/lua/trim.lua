-- Trims a stream: what is old and settled by every group; then, whatever the groups did, down to the hard cap.
--
-- KEYS: the stream. ARGV: the first id that is not old, how many entries may stay at most; where there is one, the
--       last id that may go.
-- Returns how many entries went, and how many of them some group had not settled.
local stream, most = KEYS[1], tonumber(ARGV[2])
if redis.call('EXISTS', stream) == 0 then
  return { 0, 0 }
end

-- Ids as two numbers: as text, 9-0 would come after 10-0. Both parts stay well below 2^53.
local function parse(id)
  local major, minor = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(major), tonumber(minor)
end
local function before(a_major, a_minor, b_major, b_minor)
  return a_major < b_major or (a_major == b_major and a_minor < b_minor)
end
local function text(major, minor)
  return string.format('%.0f-%.0f', major, minor)
end

local groups = {}
for _, raw in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
  local group = {}
  for at = 1, #raw, 2 do
    group[raw[at]] = raw[at + 1]
  end
  groups[#groups + 1] = group
end

-- The first id that has to stay.
local major, minor = parse(ARGV[1])
for _, group in ipairs(groups) do
  local held_major, held_minor = parse(group['last-delivered-id'])
  held_minor = held_minor + 1
  local pending = redis.call('XPENDING', stream, group.name, '-', '+', 1)
  if pending[1] then
    held_major, held_minor = parse(pending[1][1])
  end
  if before(held_major, held_minor, major, minor) then
    major, minor = held_major, held_minor
  end
end
local until_major, until_minor
if ARGV[3] then
  until_major, until_minor = parse(ARGV[3])
  if before(until_major, until_minor + 1, major, minor) then
    major, minor = until_major, until_minor + 1
  end
end
local gone = redis.call('XTRIM', stream, 'MINID', '=', text(major, minor))

local unsettled = 0
local length = redis.call('XLEN', stream)
if until_major and length > most then
  -- Of those that are too many, only so many may go as lie before the end that was given.
  local may_go, from = 0, '-'
  while may_go < length - most do
    local page = redis.call('XRANGE', stream, from, ARGV[3], 'COUNT', 500)
    may_go = may_go + #page
    if #page < 500 then
      break
    end
    from = '(' .. page[#page][1]
  end
  most = math.max(most, length - may_go)
end
if length > most then
  -- The group that has read least: what lies after its place is unsettled, and so are its and the others' pending
  -- entries before that.
  local least_major, least_minor
  for _, group in ipairs(groups) do
    local at_major, at_minor = parse(group['last-delivered-id'])
    if not least_major or before(at_major, at_minor, least_major, least_minor) then
      least_major, least_minor = at_major, at_minor
    end
  end
  local unread = 0
  if least_major then
    -- Counted in pages: the group's own `lag` may be unknown.
    local from = '(' .. text(least_major, least_minor)
    while true do
      local page = redis.call('XRANGE', stream, from, '+', 'COUNT', 500)
      unread = unread + #page
      if #page < 500 then
        break
      end
      from = '(' .. page[#page][1]
    end
  end
  local first = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1][1]
  gone = gone + redis.call('XTRIM', stream, 'MAXLEN', '=', most)
  unsettled = math.max(0, unread - most)

  -- Pending entries from the first one that was there to the first one that is.
  local kept = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1]
  local seen = {}
  for _, group in ipairs(groups) do
    local from = first
    while true do
      local page = redis.call('XPENDING', stream, group.name, from, kept and ('(' .. kept[1]) or '+', 500)
      for _, row in ipairs(page) do
        local at_major, at_minor = parse(row[1])
        local read = not before(least_major, least_minor, at_major, at_minor)
        if read and not seen[row[1]] then
          seen[row[1]] = true
          unsettled = unsettled + 1
        end
      end
      if #page < 500 then
        break
      end
      from = '(' .. page[#page][1]
    end
  end
end
return { gone, unsettled }
