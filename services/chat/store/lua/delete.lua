-- Removes a session with all that was said in it, replies under way included: their writers lose the lease.
-- ARGV: now, user, session
local user, session = ARGV[2], ARGV[3]
if ownership(session, user) ~= 'mine' then return {'no_session'} end
for _, value in ipairs(redis.call('HVALS', index_key(session))) do
  local reply = string.match(value, '^.-|.-|(.-)|')
  if reply ~= '' then
    redis.call('UNLINK', reply_key(reply), deltas_key(reply))
    redis.call('ZREM', active_key(user), reply)
  end
end
redis.call('UNLINK', session_key(session), messages_key(session), index_key(session))
redis.call('ZREM', sessions_key(user), session)
return {'ok'}
