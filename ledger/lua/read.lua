-- Read a cached balance, or announce that somebody will load it.
-- KEYS[1] the account's hash; ARGV[1] a token of the caller, ARGV[2] seconds to keep the announcement.
-- Returns {total, floor, position, loaded_at} or {token}: whoever loads must show the token, so that a hash that was
-- dropped in between (flush, eviction, floor change) is not filled with what was read before.
if redis.call('HEXISTS', KEYS[1], 'total') == 1 then
  return redis.call('HMGET', KEYS[1], 'total', 'floor', 'position', 'loaded_at')
end
if redis.call('HSETNX', KEYS[1], 'token', ARGV[1]) == 1 then
  redis.call('EXPIRE', KEYS[1], ARGV[2])
end
return {redis.call('HGET', KEYS[1], 'token')}
