-- Read a cached balance, or announce that somebody will load it.
-- KEYS[1] the account's hash, KEYS[2] the book's hash of what was repeated; ARGV[1] a token of the caller, ARGV[2] seconds to keep
-- the announcement.
-- Returns {total, floor, position, loaded_at} or {token}: whoever loads must show the token, so that a hash that was
-- dropped in between (flush, eviction, floor change) is not filled with what was read before.
-- Returns {} where nobody repeats what is lost on the way: then nothing may be cached. A hash of an earlier epoch is of
-- no use either: between the epochs a message may have been lost that is never repeated.
local epoch = redis.call('HGET', KEYS[2], 'epoch')
if not epoch then
  return {}
end
local state = redis.call('HMGET', KEYS[1], 'epoch', 'total', 'floor', 'position', 'loaded_at')
if state[1] and state[1] ~= epoch then
  redis.call('DEL', KEYS[1])
elseif state[2] then
  return {state[2], state[3], state[4], state[5]}
end
if redis.call('HSETNX', KEYS[1], 'token', ARGV[1]) == 1 then
  redis.call('HSET', KEYS[1], 'epoch', epoch)
  redis.call('EXPIRE', KEYS[1], ARGV[2])
end
return {redis.call('HGET', KEYS[1], 'token')}
