-- Counts dead letters by the group that gave them up.
--
-- KEYS: the dead letters. ARGV: where to begin, how many to look at.
-- Returns where to go on ("-": all was looked at), then names and counts in turns.
local page = redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2])
local counts, out = {}, { '-' }
for _, letter in ipairs(page) do
  local fields = letter[2]
  for at = 1, #fields, 2 do
    if fields[at] == 'g' then
      counts[fields[at + 1]] = (counts[fields[at + 1]] or 0) + 1
      break
    end
  end
end
if #page == tonumber(ARGV[2]) then
  out[1] = '(' .. page[#page][1]
end
for name, count in pairs(counts) do
  out[#out + 1] = name
  out[#out + 1] = count
end
return out
