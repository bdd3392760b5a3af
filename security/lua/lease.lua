-- Takes up to so many requests from a bucket that all processes share. KEYS: the bucket. ARGV: its quota; the seconds in which an empty one
-- fills; how many are wanted. Returns how many were given, how many are left, and the microseconds until there is one, if none was given.
-- The clock is the server's, so processes with different clocks agree. A bucket that nobody asks for is full, and forgotten.
local quota, seconds, want = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local state = redis.call('HMGET', KEYS[1], 'level', 'at')
local level, at = tonumber(state[1]) or quota, tonumber(state[2]) or now
local micros_each = seconds * 1000000 / quota
level = math.min(quota, level + math.max(0, now - at) / micros_each)
local given = math.min(want, math.floor(level))
level = level - given
redis.call('HSET', KEYS[1], 'level', string.format('%.6f', level), 'at', string.format('%d', now))
redis.call('PEXPIRE', KEYS[1], seconds * 1000 + 1000)
return {given, math.floor(level), given > 0 and 0 or math.ceil((1 - level) * micros_each)}
