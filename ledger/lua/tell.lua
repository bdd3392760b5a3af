-- Tell entries to the accounts that somebody reads. Adding is idempotent and free of order: an entry counts if its id is above
-- the mark and not there yet. A hash that nobody loaded or announced stays absent.
-- KEYS one hash for each entry; ARGV[1] most entries in a hash, then id and amount of each entry.
for i = 1, #KEYS do
  local key, id, amount = KEYS[i], ARGV[2 * i], ARGV[2 * i + 1]
  local state = redis.call('HMGET', key, 'token', 'total', 'mark', 'position')
  if state[1] then
    local mark, position = state[3] or '0', state[4] or '0'
    if #id > #mark or (#id == #mark and id > mark) then
      if redis.call('HSETNX', key, 'e' .. id, amount) == 1 then
        local sum = state[2] and redis.pcall('HINCRBY', key, 'total', amount)
        if (type(sum) == 'table' and sum.err) or redis.call('HLEN', key) > tonumber(ARGV[1]) then
          redis.call('DEL', key)
        elseif state[2] and (#id > #position or (#id == #position and id > position)) then
          redis.call('HSET', key, 'position', id)
        end
      end
    end
  end
end
return 1
