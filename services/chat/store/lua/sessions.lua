-- A user's sessions, the most recently used first.
-- ARGV: now, user, session id to begin after or '', limit, session ttl ms
local user, cursor, limit = ARGV[2], ARGV[3], tonumber(ARGV[4])
local key, first = sessions_key(user), 0
redis.call('ZREMRANGEBYSCORE', key, '-inf', int(now_ms() - tonumber(ARGV[5])))
if cursor ~= '' then
  local rank = redis.call('ZREVRANK', key, cursor)
  if not rank then return {'no_session'} end
  first = rank + 1
end
local found, ids = {}, redis.call('ZREVRANGE', key, first, first + limit)
local more = #ids > limit
for i = 1, math.min(#ids, limit) do found[i] = summary(ids[i]) end
return {'ok', found, more and 1 or 0}
