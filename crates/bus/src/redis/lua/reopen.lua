-- Makes a group again whose place was lost.
--
-- KEYS: the stream. ARGV: group, the last entry known to be acknowledged (or 0-0).
-- A stream that ends before it was replaced by another, of which nothing is known: the group begins with its oldest.
-- Returns 1 if it was made, 0 if it is there.
local place = ARGV[2]
local info = redis.pcall('XINFO', 'STREAM', KEYS[1])
if info.err then
  place = '0-0'
else
  for at = 1, #info, 2 do
    if info[at] == 'last-generated-id' then
      local major, minor = string.match(info[at + 1], '(%d+)-(%d+)')
      local to_major, to_minor = string.match(place, '(%d+)-(%d+)')
      major, minor, to_major, to_minor = tonumber(major), tonumber(minor), tonumber(to_major), tonumber(to_minor)
      if major < to_major or (major == to_major and minor < to_minor) then
        place = '0-0'
      end
    end
  end
end
local made = redis.pcall('XGROUP', 'CREATE', KEYS[1], ARGV[1], place, 'MKSTREAM')
if type(made) == 'table' and made.err then
  if string.sub(made.err, 1, 9) == 'BUSYGROUP' then
    return 0
  end
  return made
end
return 1
