-- Counts an answer that is not kept among the user's own, until it is vacated or its time is over.
-- ARGV: now, user, place, its time (ms), generations max, pace interval ms, pace burst ms
local user, now = ARGV[2], now_ms()
if redis.call('ZSCORE', active_key(user), ARGV[3]) then return {'ok'} end -- our own call, repeated
local refused = refusal(user, now, tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]))
if refused then return refused end
redis.call('ZADD', active_key(user), int(now + tonumber(ARGV[4])), ARGV[3])
return {'ok'}
