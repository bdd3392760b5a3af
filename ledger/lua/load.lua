-- Fill an announced hash: base and mark from SQL, united with what was told meanwhile. An entry counts once, by its id.
-- KEYS[1] the hash; ARGV: token, base, mark, floor, loaded_at, seconds to keep, then id and amount of each tail entry.
-- HINCRBY is exact in 64 bits and fails beyond; then the hash is dropped, and SQL answers.
if redis.call('HGET', KEYS[1], 'token') ~= ARGV[1] or redis.call('HEXISTS', KEYS[1], 'total') == 1 then
  return 0
end
local position = ARGV[3]
local ok = redis.pcall('HSET', KEYS[1], 'total', ARGV[2], 'mark', ARGV[3], 'floor', ARGV[4], 'loaded_at', ARGV[5])
for i = 7, #ARGV, 2 do
  redis.call('HSETNX', KEYS[1], 'e' .. ARGV[i], ARGV[i + 1])
end
local entries = redis.call('HGETALL', KEYS[1])
for i = 1, #entries, 2 do
  local id = string.match(entries[i], '^e(%d+)$')
  if id then
    -- Ids are compared as text of equal length: a Lua number would lose digits.
    if #id > #ARGV[3] or (#id == #ARGV[3] and id > ARGV[3]) then
      local sum = redis.pcall('HINCRBY', KEYS[1], 'total', entries[i + 1])
      if type(sum) == 'table' and sum.err then
        redis.call('DEL', KEYS[1])
        return 0
      end
      if #id > #position or (#id == #position and id > position) then position = id end
    else
      redis.call('HDEL', KEYS[1], entries[i])
    end
  end
end
redis.call('HSET', KEYS[1], 'position', position)
redis.call('EXPIRE', KEYS[1], ARGV[6])
return 1
